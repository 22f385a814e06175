import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { firstElement, startTgtd, type TgtdLibrary } from 'holdfast-lab'
import { runQuietly } from '../measure/run-quietly.ts'

/** A tape library of tgtd with one drive and one cartridge, which is in memory: no disk is measured. */
export interface BenchLibrary extends AsyncDisposable {
  readonly tgtd: TgtdLibrary
  /** Where its cartridge is. */
  readonly cartridgeFile: string
  /** Puts the cartridge into the drive. */
  loadCartridge(): Promise<void>
  /** Puts the cartridge back into its slot, whoever left it where. */
  putBack(): Promise<void>
  /**
   * Makes the cartridge a new one, in its slot. Guarantee: its file keeps the memory it took, which the system hands out slowly: only the
   * first who fills the cartridge pays for it.
   */
  makeBlank(): Promise<void>
  /** Adds up the blocks on the cartridge. */
  recordedBytes(): Promise<number>
}

/** What to start. */
export interface BenchLibraryOptions {
  readonly cartridgeMib: number
  /** Parameters of the iSCSI target. */
  readonly parameters?: Readonly<Record<string, string | number>>
}

/** The program that is measured against, which also carries cartridges. */
export const probe = join(import.meta.dirname, 'probe.py')

/** Where Linux keeps files in memory. */
const memory = '/dev/shm'

/** Starts a library. */
export async function startBenchLibrary({ cartridgeMib, parameters = {} }: BenchLibraryOptions): Promise<BenchLibrary> {
  const folder = memoryFolder()
  const tgtd = await startTgtd({ cartridges: [{ sizeMib: cartridgeMib }], drives: 1, parameters, within: folder.path })
  const cartridgeFile = join(tgtd.mediaFolder, tgtd.barcodes[0] ?? '')
  const blank = readFileSync(cartridgeFile)
  return {
    tgtd,
    cartridgeFile,
    loadCartridge: async () => {
      const addresses = [firstElement.slot, firstElement.drive].map(String)
      await runQuietly('python3', [probe, 'move', ...placeOf(tgtd, tgtd.changerLun), ...addresses])
    },
    putBack: () => tgtd.restart(),
    makeBlank: async () => {
      await tgtd.kill('SIGKILL')
      const file = openSync(cartridgeFile, 'r+')
      writeSync(file, blank)
      closeSync(file)
      await tgtd.restart()
    },
    recordedBytes: async () =>
      sumOfBlocks(await runQuietly('tgtimg', ['--op', 'show', '--device-type', 'tape', '--file', cartridgeFile])),
    async [Symbol.asyncDispose]() {
      await tgtd.stop()
      folder.remove()
    },
  }
}

/** What programs are told of a logical unit: host, port, target, number. */
export function placeOf({ host, port, target }: TgtdLibrary, lun: number): readonly string[] {
  return [host, String(port), target, String(lun)]
}

/** Adds up the lengths of the data blocks that `tgtimg --op show` lists. */
export function sumOfBlocks(listing: string): number {
  return [...listing.matchAll(/^ *Uncompressed data.*, sz (\d+)$/gm)].reduce(
    (sum, [, length]) => sum + Number(length),
    0,
  )
}

/** A folder in memory: what is left in it would be lost memory, however the benchmark ends. */
function memoryFolder() {
  const path = mkdtempSync(join(memory, 'hf-'))
  const removeNow = () => rmSync(path, { recursive: true, force: true })
  const end = () => process.exit(1)
  process.once('exit', removeNow)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, end)
  return {
    path,
    remove() {
      removeNow()
      process.off('exit', removeNow)
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, end)
    },
  }
}
