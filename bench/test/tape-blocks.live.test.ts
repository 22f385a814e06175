import { statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { skipsWithout, tempFolder } from 'holdfast-lab'
import { describe, expect, onTestFinished, test } from 'vitest'
import { share } from '../contestants/shared.ts'
import { movedBy, type TapeBlocks, tapeRead, tapeWrite } from '../contestants/tape-blocks.ts'
import { runQuietly } from '../measure/run-quietly.ts'
import { type BenchLibrary, placeOf, probe, startBenchLibrary, sumOfBlocks } from '../tape/bench-library.ts'
import { writeIncompressible } from '../workloads/incompressible.ts'

const blockBytes = 2 ** 18
const programs = {
  holdfast: { program: process.execPath, args: [join(import.meta.dirname, '..', 'tape', 'move-blocks.ts')] },
  probe: { program: 'python3', args: [probe] },
}

describe.skipIf(skipsWithout('tgt', 'python3'))('blocks of a tape', () => {
  async function library(parameters: Readonly<Record<string, string | number>> = {}): Promise<BenchLibrary> {
    const started = await startBenchLibrary({ cartridgeMib: 64, parameters })
    onTestFinished(async () => await started[Symbol.asyncDispose]())
    await started.loadCartridge()
    return started
  }

  /** Three blocks of the piece, moved as seven. */
  function work(started: BenchLibrary, label: keyof typeof programs): TapeBlocks {
    const piece = tempFolder(onTestFinished).at('piece')
    writeIncompressible(piece, 3 * blockBytes)
    return {
      label,
      settings: '',
      library: share(async () => started),
      command: programs[label],
      piece: async () => piece,
      movedBytes: 7 * blockBytes,
    }
  }

  const large = { MaxRecvDataSegmentLength: blockBytes, FirstBurstLength: blockBytes, InitialR2T: 'No' }
  test.for([
    { label: 'holdfast', parameters: {} },
    { label: 'probe', parameters: {} },
    { label: 'holdfast', parameters: large },
    { label: 'probe', parameters: large },
  ] as const)('$label writes and reads all of them, with $parameters', async ({ label, parameters }) => {
    const started = await library(parameters)
    for (const contestant of [tapeWrite(work(started, label)), tapeRead(work(started, label))]) {
      await contestant.setUp()
      const { program, args } = await contestant.prepare()
      const traces = await contestant.inspect(true, await runQuietly(program, args))
      expect(traces).toEqual({ tapeBytes: 7 * blockBytes, tapeSeconds: expect.any(Number) })
      expect(await started.recordedBytes()).toBe(7 * blockBytes)
    }
  })

  test.for(['holdfast', 'probe'] as const)('%s refuses a tape that holds too little', async (label) => {
    const started = await library()
    const contestant = tapeRead({ ...work(started, label), movedBytes: 3 * blockBytes })
    await contestant.setUp()
    const { program, args } = await contestant.prepare()
    const one = [...args.slice(0, -1), '4']
    await expect(runQuietly(program, one)).rejects.toThrow()
  })

  test('what was written in another order is an error, however fast it was', async () => {
    const started = await library()
    const wrong = tempFolder(onTestFinished).at('wrong')
    writeFileSync(wrong, new Uint8Array(3 * blockBytes).fill(1))
    const right = work(started, 'probe')
    const contestant = tapeWrite(right)
    await contestant.setUp()
    const place = placeOf(started.tgtd, started.tgtd.driveLuns[0] ?? 0)
    const output = await runQuietly('python3', [probe, 'write', ...place, '7', wrong])
    await expect(contestant.inspect(true, output)).rejects.toThrow(/not those that were written/)
  })

  test('a blank cartridge holds nothing, and keeps the memory of its file', async () => {
    const started = await library()
    await tapeRead(work(started, 'probe')).setUp()
    const before = statSync(started.cartridgeFile)
    await started.makeBlank()
    expect(await started.recordedBytes()).toBe(0)
    expect(statSync(started.cartridgeFile)).toMatchObject({ size: before.size, blocks: before.blocks })
    // It is in its slot again, or it could not be loaded from there.
    await started.loadCartridge()
    const place = placeOf(started.tgtd, started.tgtd.driveLuns[0] ?? 0)
    await expect(runQuietly('python3', [probe, 'read', ...place, '1'])).rejects.toThrow(/sense/)
  })
})

test('a program that moved less than it was told to is not measured', () => {
  expect(() => movedBy('{"bytes": 10, "seconds": 1}', 20)).toThrow(/something else/)
  expect(() => movedBy('{"bytes": 20}', 20)).toThrow(/something else/)
  expect(movedBy('{"bytes": 20, "seconds": 2}\n', 20)).toEqual({ tapeBytes: 20, tapeSeconds: 2 })
})

test('filemarks and the ends of a tape are no blocks', () => {
  const listing = `Beginning of Tape(16): Capacity 64 MB, Blk No.: 0, prev 0, curr 0, next 1152
 Uncompressed data(2): Blk No. 1, prev 0, curr 1152,  next 263344, sz 262144
         Filemark(64): Blk No. 2, prev 1152, curr 263344,  next 263392, sz 0
 Uncompressed data(2): Blk No. 3, prev 263344, curr 263392,  next 263928, sz 512
      End of Data(32): Blk No. 4, prev 263392, curr 263928,  next 263928, sz 0
`
  expect(sumOfBlocks(listing)).toBe(262_144 + 512)
})
