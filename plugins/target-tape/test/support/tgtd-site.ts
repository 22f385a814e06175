import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { TargetSession } from '@holdfast/core'
import { testContext } from '@holdfast/testkit'
import { startTgtd, type TgtdLibrary, type TgtdOptions } from 'holdfast-lab'
import type { IscsiLibraryOptions, TapeTargetOptions } from '../../src/options.js'
import { tapeOptions } from '../../src/options.js'
import { tapeTarget } from '../../src/tape-target.js'
import type { LibraryDevices } from '../../src/transport/library-devices.js'
import { openLibrary } from '../../src/transport/open-library.js'

/** A tgtd with a library, and targets that use it. */
export interface TgtdSite extends AsyncDisposable {
  readonly tgtd: TgtdLibrary
  readonly folder: string
  readonly options: TapeTargetOptions
  readonly open: (options?: Partial<TapeTargetOptions>) => Promise<TargetSession>
  readonly devices: () => Promise<LibraryDevices>
  /** Through a relay that listens there. */
  readonly openAt: (port: number) => Promise<TargetSession>
  /** Another process that writes until it is killed. */
  readonly startWriter: (beginning: string, mostObjects: number, options?: Partial<TapeTargetOptions>) => Writer
}

/** A process that writes. */
export interface Writer {
  readonly child: ChildProcess
  /** What it said so far. */
  readonly lines: readonly string[]
  readonly ended: Promise<void>
}

/** Starts it. */
export async function tgtdSite(library: TgtdOptions): Promise<TgtdSite> {
  const tgtd = await startTgtd(library)
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-tape-'))
  const { host, port, target, changerLun: changer, driveLuns: drives } = tgtd
  const reached: IscsiLibraryOptions = { kind: 'iscsi', host, port, target, changer, drives }
  const options: TapeTargetOptions = {
    library: reached,
    pool: 'weekly',
    state: 'state',
  }
  const context = testContext({ tempDir: folder })
  const open = (some: Partial<TapeTargetOptions> = {}) => tapeTarget({ ...options, ...some }).open(context)
  return {
    tgtd,
    folder,
    options,
    open,
    devices: () => openLibrary(tapeOptions.parse(options).library, context),
    openAt: (other) => open({ library: { ...reached, port: other } }),
    startWriter: (beginning, mostObjects, some) => {
      const wanted = { folder, options: { ...options, ...some }, beginning, mostObjects }
      const program = fileURLToPath(new URL('writing-child.mjs', import.meta.url))
      const child = spawn(process.execPath, [program, JSON.stringify(wanted)], { stdio: ['ignore', 'pipe', 'inherit'] })
      const lines: string[] = []
      const said = createInterface({ input: child.stdout })
      said.on('line', (line) => lines.push(line))
      const ended = new Promise<void>((resolve) => said.once('close', () => resolve()))
      return { child, lines, ended }
    },
    [Symbol.asyncDispose]: async () => {
      await tgtd.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
