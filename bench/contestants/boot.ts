import { readFileSync, rmSync } from 'node:fs'
import type { Contestant } from './contestant.ts'

/** A guest that boots from a disk. */
export interface Boot {
  readonly label: string
  readonly settings: string
  /** Existing; the guest's console is written there. */
  readonly consoleFile: string
  /** How QEMU boots what is on the disk: arguments. */
  readonly loader: readonly string[]
  /** Makes the disk ready, and says what `-drive` is to be. */
  readonly attach: () => Promise<string>
  readonly detach: () => Promise<void>
  readonly inputs: () => Promise<readonly string[]>
}

const machine = ['-accel', 'tcg', '-machine', 'pc', '-m', '256', '-nodefaults', '-no-reboot', '-display', 'none']

/** Measures it from the start of QEMU until the guest has checked its files, said that it is ready, and powered off. */
export function boot({ label, settings, consoleFile, loader, attach, detach, inputs }: Boot): Contestant {
  return {
    label,
    settings,
    setUp: inputs,
    async prepare() {
      rmSync(consoleFile, { force: true })
      const drive = `${await attach()},format=raw,if=virtio`
      return {
        program: 'qemu-system-x86_64',
        args: [...machine, '-serial', `file:${consoleFile}`, '-drive', drive, ...loader],
      }
    },
    async inspect() {
      await detach()
      const said = readFileSync(consoleFile, 'latin1')
      if (!/VERIFY-OK [\s\S]*GUEST-READY/.test(said)) throw new Error(`The guest did not boot: ${said.slice(-2000)}`)
      return {}
    },
    tearDown: detach,
  }
}
