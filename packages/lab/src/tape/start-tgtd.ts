import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { programEnvironment, runAside } from '../programs/run.ts'
import { type ChapUsers, configureLibrary, type LibraryLayout, makeMedia, type Tgtadm } from './configure-library.ts'

export type { ChapUser, ChapUsers } from './configure-library.ts'

/** A cartridge; it is in the slot of its place in the list. */
export interface LabCartridge {
  /** @defaultValue TAPE0001 and so on */
  readonly barcode?: string
  /** tgtd counts what it writes beside the blocks, too. */
  readonly sizeMib: number
}

/** What to start. */
export interface TgtdOptions {
  readonly cartridges: readonly LabCartridge[]
  /** @defaultValue 2 */
  readonly drives?: number
  /** @defaultValue two more than there are cartridges */
  readonly slots?: number
  /** Elements for import and export. @defaultValue 1 */
  readonly mailSlots?: number
  /** @defaultValue none: everybody on this host may log in */
  readonly chap?: ChapUsers
  /** Parameters of the target, such as `MaxRecvDataSegmentLength`. @defaultValue what tgtd does by itself */
  readonly parameters?: Readonly<Record<string, string | number>>
  /** Where its folder is made: cartridges of a benchmark belong into memory. @defaultValue where temporary files go */
  readonly within?: string
}

/** A tape library that runs. Disposing it stops it, and removes the cartridges. */
export interface TgtdLibrary extends AsyncDisposable {
  readonly host: string
  readonly port: number
  /** Name of the target. */
  readonly target: string
  /** Process id of the tgtd that runs now. */
  readonly pid: () => number
  /** Logical units of the drives, in the order of their element addresses. */
  readonly driveLuns: readonly number[]
  readonly changerLun: number
  /** Where the cartridges are, each in a file of its barcode's name; `tgtimg --op show` reads them. */
  readonly mediaFolder: string
  readonly barcodes: readonly string[]
  readonly tgtadm: Tgtadm
  /** Sends a signal; resolves when the process has ended, where the signal ends it. */
  readonly kill: (signal: NodeJS.Signals) => Promise<void>
  /** Kills it if it runs, and starts it again: cartridges keep their data, and are back in their first slots. */
  readonly restart: () => Promise<void>
  readonly stop: () => Promise<void>
}

const host = '127.0.0.1'
const target = 'iqn.2026-01.io.holdfast.lab:library'
const startTimeoutMs = 20_000
/** tgtd keeps the path of a cartridge in that many bytes, with the zero byte at its end. */
const longestPath = 127
/** Somebody else may take the port in the moment between finding it free and using it. */
const maxStarts = 5

/**
 * Starts a tgtd of its own on a free loopback port, with a tape library in it.
 *
 * @throws Error with what tgtd said when it does not start
 */
export async function startTgtd(options: TgtdOptions): Promise<TgtdLibrary> {
  const { cartridges, drives = 2, slots = cartridges.length + 2, mailSlots = 1, chap, parameters = {} } = options
  const folder = mkdtempSync(join(options.within ?? tmpdir(), 'hf-tape-'))
  const mediaFolder = join(folder, 'media')
  mkdirSync(mediaFolder)
  const named = cartridges.map(({ barcode, sizeMib }, index) => ({
    barcode: barcode ?? `TAPE${String(index + 1).padStart(4, '0')}`,
    sizeMib,
  }))
  const barcodes = named.map(({ barcode }) => barcode)
  const layout: LibraryLayout = { target, folder, mediaFolder, barcodes, drives, slots, mailSlots, chap, parameters }
  // Its own socket for tgtadm: nothing under /run, and no number that another tgtd may have.
  const environment = { TGT_IPC_SOCKET: join(folder, 'control') }
  const tgtadm: Tgtadm = async (...args) => await runAside('tgtadm', ['--lld', 'iscsi', ...args], environment)
  let port = 0
  let child: ChildProcess | undefined

  async function end(signal: NodeJS.Signals): Promise<void> {
    if (child === undefined || hasEnded(child)) return
    const ended = once(child, 'exit')
    child.kill(signal)
    if (signal !== 'SIGSTOP' && signal !== 'SIGCONT') await ended
  }

  async function startOn(chosen: number): Promise<void> {
    for (const file of ['control.0', 'control.0.lock']) rmSync(join(folder, file), { force: true })
    const started = launch(folder, chosen, environment)
    child = started
    await untilAnswers(tgtadm, chosen, () => hasEnded(started)).catch(async (error: unknown) => {
      await end('SIGKILL')
      throw new Error(`tgtd did not start: ${readFileSync(join(folder, 'tgtd.log'), 'utf8')}`, { cause: error })
    })
  }

  async function startAnywhere(): Promise<void> {
    for (let starts = 1; ; starts++) {
      port = await freePort()
      try {
        return await startOn(port)
      } catch (error) {
        if (starts === maxStarts) throw error
      }
    }
  }

  const stop = async () => {
    await end('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    for (const barcode of barcodes)
      if (Buffer.byteLength(join(mediaFolder, barcode)) > longestPath)
        throw new Error(`${join(mediaFolder, barcode)} is too long for tgtd`)
    await makeMedia(layout, named)
    await startAnywhere()
    await configureLibrary(tgtadm, layout)
  } catch (error) {
    await stop()
    throw error
  }
  return {
    host,
    port,
    target,
    pid: () => child?.pid ?? 0,
    driveLuns: Array.from({ length: drives }, (_, index) => index + 1),
    changerLun: drives + 1,
    mediaFolder,
    barcodes,
    tgtadm,
    kill: end,
    restart: async () => {
      await end('SIGKILL')
      await startOn(port)
      await configureLibrary(tgtadm, layout)
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

function launch(folder: string, port: number, environment: NodeJS.ProcessEnv): ChildProcess {
  const said = openSync(join(folder, 'tgtd.log'), 'a')
  // It ends with this process, however that ends: tests that are killed must not leave a library behind.
  const command = ['--pdeathsig', 'KILL', '--', 'tgtd', '--foreground', '--iscsi', `portal=${host}:${port}`]
  const child = spawn('setpriv', command, {
    env: { ...programEnvironment(), ...environment },
    stdio: ['ignore', said, said],
  })
  closeSync(said)
  // Whoever waits for it learns that it has ended.
  child.once('error', () => {})
  return child
}

function hasEnded(child: ChildProcess): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null
}

async function untilAnswers(tgtadm: Tgtadm, port: number, isOver: () => boolean): Promise<void> {
  for (const endsAt = performance.now() + startTimeoutMs; ; await delay(20)) {
    if (isOver()) throw new Error('tgtd has ended')
    try {
      await tgtadm('--mode', 'sys', '--op', 'show')
      // One that cannot have its port says so in its log, and listens everywhere on the usual one instead.
      if ((await tgtadm('--mode', 'portal', '--op', 'show')).includes(`${host}:${port}`)) return
      throw new Error(`tgtd does not listen on ${host}:${port}`)
    } catch (error) {
      if (performance.now() >= endsAt) throw error
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, host)
  await once(server, 'listening')
  const bound = server.address()
  server.close()
  await once(server, 'close')
  if (typeof bound !== 'object' || bound === null) throw new Error('There is no free port')
  return bound.port
}
