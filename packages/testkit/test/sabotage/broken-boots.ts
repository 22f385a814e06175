import { setTimeout as sleep } from 'node:timers/promises'
import {
  BackupError,
  type BootedMachine,
  type BootProbe,
  bootFailed,
  type CallOptions,
  type ProvisionedMachine,
  type RestoreFacet,
} from '@holdfast/core'
import type { MemorySource, MemorySourceOptions } from '../../src/memory/index.js'
import { brokenSource } from './broken-source.js'
import type { Sabotage } from './sabotage.js'

/** Sources that boot badly what they provisioned. */
export const brokenBoots: readonly Sabotage<'source'>[] = [
  brokenBoot(
    'shows nothing for a machine that came up',
    'source/boot/probe',
    /evidence is empty/,
    async (boot, probe, call) => ({
      ...(await boot(probe, call)),
      evidence: ' ',
    }),
  ),
  brokenBoot(
    'takes all that it saw for evidence',
    'source/boot/probe',
    /has 100000 characters/,
    async (boot, probe, call) => ({
      ...(await boot(probe, call)),
      evidence: 'x'.repeat(100_000),
    }),
  ),
  brokenBoot('tells any time', 'source/boot/probe', /Booting took 3600000 ms of/, async (boot, probe, call) => ({
    ...(await boot(probe, call)),
    bootMs: 3_600_000,
  })),
  brokenBoot('fails when stopped twice', 'source/boot/probe', /not running/, async (boot, probe, call) => {
    const booted = await boot(probe, call)
    let stopped = false
    return {
      ...booted,
      [Symbol.asyncDispose]: async () => {
        if (stopped) throw new BackupError('E_SOURCE_UNAVAILABLE', 'It is not running.')
        stopped = true
        await booted[Symbol.asyncDispose]()
      },
    }
  }),
  brokenBoot('leaves the machine running', 'source/boot/probe', /Inventory after/, leftRunning),
  brokenBoot('stops the machine only with all the rest', 'source/boot/dispose-stops', /Inventory after/, leftRunning),
  brokenBoot('takes silence for an answer', 'source/boot/no-answer', /it succeeded/, (boot, probe, call) =>
    boot({ kind: 'agent', timeoutMs: probe.timeoutMs }, call),
  ),
  brokenBoot('waits longer than it may', 'source/boot/no-answer', /no answer within/, (boot, probe, call) =>
    boot({ ...probe, timeoutMs: 60_000 }, call),
  ),
  brokenBoot('gives no verdict on silence', 'source/boot/no-answer', /expected E_BOOT/, async () => {
    throw new BackupError('E_TIMEOUT', 'It took too long.')
  }),
  brokenBoot('does not say what it waited for', 'source/boot/no-answer', /names no probe/, async () => {
    throw new BackupError('E_BOOT', 'It did not come up.')
  }),
  brokenBoot(
    'passes on what the guest printed as it is',
    'source/boot/no-answer',
    /control characters/,
    async (_, probe) => {
      throw new BackupError('E_BOOT', 'It showed last: \x1b[2J', { context: { probe: probe.kind } })
    },
  ),
  brokenBoot('passes on all that the guest printed', 'source/boot/no-answer', /100000 characters/, async (_, probe) => {
    throw new BackupError('E_BOOT', 'x'.repeat(100_000), { context: { probe: probe.kind } })
  }),
  brokenBoot(
    'leaves a machine running that did not come up',
    'source/boot/no-answer',
    /Inventory after the machine did not/,
    async (boot, probe, call) => {
      await boot({ kind: 'agent', timeoutMs: 1_000 }, call)
      throw bootFailed('memory', probe, 'It did not come up.', '')
    },
  ),
  brokenBoot('boots on although aborted', 'source/boot/abort', /no answer within|it succeeded/, (boot, probe) =>
    boot(probe, { signal: new AbortController().signal }),
  ),
  brokenBoot('starts although already aborted', 'source/boot/abort', /Inventory after/, async (boot, _, { signal }) => {
    await boot({ kind: 'agent', timeoutMs: 1_000 }, { signal: new AbortController().signal })
    while (!signal.aborted) await sleep(5)
    throw signal.reason
  }),
  brokenBoot(
    'lets the guest write to the disk',
    'source/boot/drops-writes',
    /Disk disk-0 of the machine that was booted: byte 4096/,
    async (boot, probe, call, placed) => {
      await placed.disks[0]?.write(4096, new Uint8Array([1]), call)
      return boot(probe, call)
    },
  ),
  brokenBoot(
    'boots from the disk of another machine',
    'source/boot/keeps-existing',
    /which was not booted/,
    async (boot, probe, call, _placed, source) => {
      source.mutate('web-1', 'root', 9, new Uint8Array([1, 2, 3]))
      return boot(probe, call)
    },
  ),
  brokenBoot(
    'boots without declaring it',
    'source/boot/undeclared',
    /boot is declared false/,
    async (_, probe) => {
      throw bootFailed('memory', probe, 'It is never called.', '')
    },
    { boot: false },
  ),
]

type Boot = (probe: BootProbe, options: CallOptions) => Promise<BootedMachine>

async function leftRunning(boot: Boot, probe: BootProbe, call: CallOptions): Promise<BootedMachine> {
  return { ...(await boot(probe, call)), [Symbol.asyncDispose]: async () => undefined }
}

function brokenBoot(
  flaw: string,
  caughtBy: string,
  because: RegExp,
  breakage: (
    boot: Boot,
    probe: BootProbe,
    options: CallOptions,
    placed: ProvisionedMachine,
    source: MemorySource,
  ) => Promise<BootedMachine>,
  options: Partial<MemorySourceOptions> = { boot: true },
): Sabotage<'source'> {
  const never: Boot = async (probe) => {
    throw bootFailed('memory', probe, 'It does not boot.', '')
  }
  const broken = (restore: RestoreFacet, source: MemorySource): RestoreFacet => ({
    provision: async (machine, placement, call) => {
      const placed = await restore.provision(machine, placement, call)
      return { ...placed, boot: (probe, inner) => breakage(placed.boot ?? never, probe, inner, placed, source) }
    },
  })
  return brokenSource(
    flaw,
    caughtBy,
    because,
    { session: ({ restore }, source) => ({ ...(restore && { restore: broken(restore, source) }) }) },
    options,
  )
}
