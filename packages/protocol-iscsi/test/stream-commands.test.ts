import { describe, expect, it } from 'vitest'
import {
  erase,
  flush,
  type LocateTarget,
  loadMedium,
  locate,
  modeSelect,
  modeSense,
  readBlock,
  readBlockLimits,
  readBlocks,
  readPosition,
  reportDensities,
  rewind,
  type ScsiDevice,
  spaceBlocks,
  spaceFilemarks,
  spaceToEndOfData,
  testUnitReady,
  unloadMedium,
  writeBlock,
  writeBlocks,
  writeFilemarks,
} from '../src/scsi/index.js'
import { block, mounted } from './support/mounted.js'
import { calm, failure, fromHex } from './support/scsi-failure.js'

/** Blocks 1, 2 | 3 | | 4: objects 0 to 6. */
const content = [
  block(100, 1),
  block(100, 2),
  'filemark',
  block(100, 3),
  'filemark',
  'filemark',
  block(100, 4),
] as const

const objectNow = async (drive: ScsiDevice) => (await readPosition(drive, 'short', calm)).object
const buffer = new Uint8Array(100)
const readOne = async (drive: ScsiDevice) => {
  const result = await readBlock(drive, buffer, calm)
  return result.kind === 'block' ? buffer[0] : result.kind
}

describe('reading', () => {
  it('gives blocks, filemarks and the end of the data, which stays', async () => {
    const { drive } = await mounted({ content })
    const found: unknown[] = []
    for (let index = 0; index < 9; index += 1) found.push(await readOne(drive))
    expect(found).toEqual([1, 2, 'filemark', 3, 'filemark', 'filemark', 4, 'end-of-data', 'end-of-data'])
  })

  it('tells how long a block is that is shorter than the buffer', async () => {
    const { drive } = await mounted({ content: [block(60, 5)] })
    expect(await readBlock(drive, buffer, calm)).toEqual({ kind: 'block', bytes: 60 })
    expect(buffer.subarray(0, 60)).toEqual(block(60, 5))
  })

  it('tells how long a block is that is longer than the buffer, and is behind it', async () => {
    const { drive } = await mounted({ content: [block(1000, 5), block(101, 7), block(100, 6)] })
    expect(await readBlock(drive, buffer, calm)).toEqual({ kind: 'longer-block', blockBytes: 1000 })
    expect(await readBlock(drive, buffer, calm)).toEqual({ kind: 'longer-block', blockBytes: 101 })
    expect(await readOne(drive)).toBe(6)
  })

  it('says when a drive gave fewer bytes than the block has', async () => {
    const { drive } = await mounted({ content: [block(1000, 5), block(1000, 6)] }, { quirks: ['tgtd'] })
    const error = await failure(readBlock(drive, new Uint8Array(1500), calm), 'short-transfer')
    expect(error.message).toBe('READ(6): 500 of 1000 bytes')
    expect(await readBlock(drive, new Uint8Array(2000), calm)).toEqual({ kind: 'block', bytes: 1000 })
  })

  it('does not take what a drive counts at a filemark for data', async () => {
    const { drive } = await mounted({ content: ['filemark'] }, { quirks: ['tgtd'] })
    expect(await readBlock(drive, buffer, calm)).toEqual({ kind: 'filemark' })
    expect(await readBlock(drive, buffer, calm)).toEqual({ kind: 'end-of-data' })
  })

  it('understands sense data with descriptors as well', async () => {
    const { drive } = await mounted({ content: [block(60, 5), 'filemark'] }, { senseFormat: 'descriptor' })
    expect(await readBlock(drive, buffer, calm)).toEqual({ kind: 'block', bytes: 60 })
    expect(await readBlock(drive, buffer, calm)).toEqual({ kind: 'filemark' })
    expect(await readBlock(drive, buffer, calm)).toEqual({ kind: 'end-of-data' })
  })

  it('fails at a damaged block, and goes on behind it', async () => {
    const { library, drive } = await mounted({ content })
    library.damageBlock('T1', 1)
    expect(await readOne(drive)).toBe(1)
    await failure(readBlock(drive, buffer, calm), 'medium-error')
    expect(await readOne(drive)).toBe('filemark')
  })
})

describe('writing', () => {
  it('ends the data where it is: what was behind is gone', async () => {
    const { library, drive } = await mounted({ content })
    await spaceBlocks(drive, 1, calm)
    await writeBlock(drive, block(50, 9), calm)
    expect(library.cartridge('T1').objects).toEqual([block(100, 1), block(50, 9)])
    expect(await readOne(drive)).toBe('end-of-data')
  })

  it('warns before the end, fails at the end, and still takes what fits', async () => {
    const { library, drive } = await mounted({ sizeBytes: 10_000, earlyWarningBytes: 3000 })
    const warnings: boolean[] = []
    for (let index = 0; index < 9; index += 1)
      warnings.push((await writeBlock(drive, block(1000, index), calm)).earlyWarning)
    expect(warnings).toEqual([...Array(7).fill(false), true, true])
    expect((await writeFilemarks(drive, 1, calm)).earlyWarning).toBe(true)
    const error = await failure(writeBlock(drive, block(1000, 9), calm), 'volume-overflow')
    expect(error.sense).toMatchObject({ endOfMedium: true, information: 1000 })
    expect(library.cartridge('T1').objects).toHaveLength(10)
    expect((await readPosition(drive, 'short', calm)).isNearEnd).toBe(true)
  })

  it('warns once at the programmable early warning', async () => {
    const { drive } = await mounted(
      { sizeBytes: 10_000, earlyWarningBytes: 1000 },
      { programmableEarlyWarningBytes: 4000 },
    )
    const warnings: boolean[] = []
    for (let index = 0; index < 8; index += 1)
      warnings.push((await writeBlock(drive, block(1000, index), calm)).earlyWarning)
    expect(warnings).toEqual([false, false, false, false, false, true, false, false])
    expect(await readPosition(drive, 'short', calm)).toMatchObject({ isNearProgrammedEnd: true, isNearEnd: false })
  })

  it('never ends on the tapes of tgtd: only the warning tells', async () => {
    const { drive } = await mounted({ sizeBytes: 10_000 }, { quirks: ['tgtd'] })
    const warnings: boolean[] = []
    for (let index = 0; index < 12; index += 1)
      warnings.push((await writeBlock(drive, block(1000, index), calm)).earlyWarning)
    expect(warnings).toEqual([...Array(9).fill(false), true, true, true])
  })

  it('is refused by a protected cartridge, which can be read', async () => {
    const { drive } = await mounted({ content, writeProtected: true })
    expect((await modeSense(drive, { page: 0 }, calm)).isWriteProtected).toBe(true)
    await failure(writeBlock(drive, buffer, calm), 'write-protected')
    await failure(writeFilemarks(drive, 1, calm), 'write-protected')
    await failure(erase(drive, calm), 'write-protected')
    await flush(drive, calm)
    expect(await readOne(drive)).toBe(1)
  })

  it('only appends to a WORM cartridge, where the last filemarks but one may go', async () => {
    const { library, drive } = await mounted({ content: [block(10, 1), 'filemark', 'filemark'], worm: true })
    for (const object of [0, 1]) {
      await locate(drive, { object }, calm)
      await failure(writeBlock(drive, block(10, 2), calm), 'worm')
    }
    await failure(erase(drive, calm), 'worm')
    await locate(drive, { object: 2 }, calm)
    await writeBlock(drive, block(10, 3), calm)
    expect(library.cartridge('T1').objects).toEqual([block(10, 1), 'filemark', block(10, 3)])
  })

  it('does not take the warning of an earlier command for its own', async () => {
    const { drive } = await mounted()
    const late: ScsiDevice = {
      execute: async (command, options) => {
        const answer = await drive.execute(command, options)
        return { ...answer, status: 2, sense: fromHex('710040000000000a00000000000200000000') }
      },
    }
    await failure(writeBlock(late, block(10, 1), calm), 'deferred-error')
  })

  it('refuses a block without bytes, and one that is too long for the command', async () => {
    const { drive } = await mounted()
    await failure(writeBlock(drive, new Uint8Array(), calm), 'invalid')
    await failure(writeBlock(drive, new Uint8Array(2 ** 24), calm), 'invalid')
    expect(await writeBlock(drive, new Uint8Array(2 ** 20), calm)).toEqual({ earlyWarning: false })
  })
})

describe('blocks of one length', () => {
  const fixed = async (blockLengthBytes: number) => {
    const held = await mounted()
    const blockDescriptor = { densityCode: 0, blockCount: 0, blockLengthBytes }
    await modeSelect(held.drive, { blockDescriptor }, calm)
    return held
  }

  it('are written and read many at a time', async () => {
    const { library, drive } = await fixed(64)
    const blocks = Uint8Array.from({ length: 640 }, (_, index) => Math.floor(index / 64))
    await writeBlocks(drive, blocks, 64, calm)
    expect(library.cartridge('T1').objects).toHaveLength(10)
    await rewind(drive, calm)
    const back = new Uint8Array(640)
    expect(await readBlocks(drive, back, 64, calm)).toEqual({ blocks: 10, stoppedBy: 'nothing' })
    expect(back).toEqual(blocks)
  })

  it('come as far as there are any', async () => {
    const { drive } = await fixed(64)
    await writeBlocks(drive, block(192, 1), 64, calm)
    await writeFilemarks(drive, 1, calm)
    await writeBlocks(drive, block(64, 2), 64, calm)
    await writeBlock(drive, block(50, 3), calm)
    await rewind(drive, calm)
    const back = new Uint8Array(640)
    expect(await readBlocks(drive, back, 64, calm)).toEqual({ blocks: 3, stoppedBy: 'filemark' })
    expect(back.subarray(0, 192)).toEqual(block(192, 1))
    expect(await readBlocks(drive, back, 64, calm)).toEqual({ blocks: 1, stoppedBy: 'other-length' })
    expect(await readBlocks(drive, back, 64, calm)).toEqual({ blocks: 0, stoppedBy: 'end-of-data' })
  })

  it('are counted only when they came', async () => {
    const { drive } = await fixed(64)
    await writeBlocks(drive, block(256, 1), 64, calm)
    await rewind(drive, calm)
    const short: ScsiDevice = {
      execute: async (command, options) => ({ ...(await drive.execute(command, options)), dataInBytes: 200 }),
    }
    await failure(readBlocks(short, new Uint8Array(256), 64, calm), 'short-transfer')
  })

  it('need a buffer of whole blocks', async () => {
    const { drive } = await fixed(64)
    await failure(readBlocks(drive, new Uint8Array(100), 64, calm), 'invalid')
    await failure(writeBlocks(drive, new Uint8Array(0), 64, calm), 'invalid')
  })
})

describe('moving', () => {
  it.each([
    [0, 1, { stoppedBy: 'nothing', remaining: 0 }, 1],
    [0, 5, { stoppedBy: 'filemark', remaining: 3 }, 3],
    [3, -1, { stoppedBy: 'filemark', remaining: 1 }, 2],
    [6, 1, { stoppedBy: 'nothing', remaining: 0 }, 7],
    [6, 4, { stoppedBy: 'end-of-data', remaining: 3 }, 7],
    [2, -5, { stoppedBy: 'beginning', remaining: 3 }, 0],
  ])('from object %i over %i blocks', async (from, count, result, to) => {
    const { drive } = await mounted({ content })
    await locate(drive, { object: from }, calm)
    expect(await spaceBlocks(drive, count, calm)).toEqual(result)
    expect(await objectNow(drive)).toBe(to)
  })

  it.each([
    [0, 1, { stoppedBy: 'nothing', remaining: 0 }, 3],
    [0, 3, { stoppedBy: 'nothing', remaining: 0 }, 6],
    [0, 4, { stoppedBy: 'end-of-data', remaining: 1 }, 7],
    [7, -1, { stoppedBy: 'nothing', remaining: 0 }, 5],
    [7, -3, { stoppedBy: 'nothing', remaining: 0 }, 2],
    [4, -2, { stoppedBy: 'beginning', remaining: 1 }, 0],
  ])('from object %i over %i filemarks', async (from, count, result, to) => {
    const { drive } = await mounted({ content })
    await locate(drive, { object: from }, calm)
    for (const form of [6, 16] as const) {
      await locate(drive, { object: from }, calm)
      expect(await spaceFilemarks(drive, count, { ...calm, form })).toEqual(result)
      expect(await objectNow(drive)).toBe(to)
    }
  })

  it.each<[LocateTarget, number, number]>([
    [{ object: 4 }, 4, 1],
    [{ file: 0 }, 0, 0],
    [{ file: 2 }, 5, 2],
    [{ file: 3 }, 6, 3],
    ['end-of-data', 7, 3],
  ])('to a place: %j', async (target, object, file) => {
    const { drive } = await mounted({ content })
    await locate(drive, target, calm)
    expect(await readPosition(drive, 'long', calm)).toMatchObject({ isKnown: true, object, file })
    expect(await readPosition(drive, 'extended', calm)).toMatchObject({ isKnown: true, object })
  })

  it('to an object by the short form, and to none that is not there', async () => {
    const { drive } = await mounted({ content })
    await locate(drive, { object: 3 }, { ...calm, form: 10 })
    expect(await readOne(drive)).toBe(3)
    await failure(locate(drive, { object: 99 }, calm), 'blank')
    await failure(locate(drive, { file: 4 }, calm), 'blank')
    await failure(locate(drive, { file: 1 }, { ...calm, form: 10 }), 'invalid')
  })

  it('to the end of the data, and to the beginning', async () => {
    const { drive } = await mounted({ content })
    await spaceToEndOfData(drive, calm)
    expect(await objectNow(drive)).toBe(7)
    await rewind(drive, calm)
    expect(await readPosition(drive, 'short', calm)).toMatchObject({ isBeginning: true, object: 0, isKnown: true })
  })

  it('with tgtd tells the ends all the same, and the position is not believed', async () => {
    const { drive } = await mounted({ content }, { quirks: ['tgtd'] })
    expect(await spaceFilemarks(drive, 4, calm)).toEqual({ stoppedBy: 'end-of-data', remaining: undefined })
    expect(await spaceFilemarks(drive, -4, calm)).toEqual({ stoppedBy: 'beginning', remaining: undefined })
    await failure(locate(drive, { object: 1 }, calm), 'unsupported')
    for (const form of ['short', 'long'] as const) expect((await readPosition(drive, form, calm)).isKnown).toBe(false)
  })

  it('refuses counts that do not fit', async () => {
    const { drive } = await mounted({ content })
    await failure(spaceBlocks(drive, 2 ** 23, { ...calm, form: 6 }), 'invalid')
    expect(await spaceBlocks(drive, 2 ** 23, calm)).toMatchObject({ stoppedBy: 'filemark' })
    await failure(spaceBlocks(drive, 0.5, calm), 'invalid')
    await failure(writeFilemarks(drive, -1, calm), 'invalid')
  })
})

describe('a drive', () => {
  it('tells what it takes', async () => {
    const { drive } = await mounted()
    expect(await readBlockLimits(drive, calm)).toEqual({ minimumBytes: 1, maximumBytes: 2 ** 23, granularity: 0 })
    expect(await reportDensities(drive, 'cartridge', calm)).toMatchObject([{ name: 'U-516', isWritable: true }])
  })

  it('unloads and loads', async () => {
    const { drive } = await mounted({ content })
    await spaceBlocks(drive, 1, calm)
    await unloadMedium(drive, calm)
    await failure(testUnitReady(drive, calm), 'not-ready')
    await loadMedium(drive, calm)
    expect(await readOne(drive)).toBe(1)
  })

  it('erases what is behind', async () => {
    const { library, drive } = await mounted({ content })
    await spaceFilemarks(drive, 1, calm)
    await erase(drive, { ...calm, long: true })
    expect(library.cartridge('T1').objects).toEqual(content.slice(0, 3))
  })
})
