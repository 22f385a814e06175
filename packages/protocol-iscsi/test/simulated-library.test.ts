import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import {
  awaitReady,
  decodeCompression,
  decodeTapeCapacity,
  flush,
  hostAttribute,
  inquiry,
  locate,
  logSense,
  mediumAttribute,
  modeSelect,
  modeSense,
  moveMedium,
  readAttributes,
  readBlock,
  readPosition,
  readReservation,
  reportSupportedOperations,
  rewind,
  spaceFilemarks,
  streamCapabilities,
  summarizeAttributes,
  supportedVitalPages,
  tapeAlerts,
  testUnitReady,
  unitSerialNumber,
  unloadMedium,
  withCompression,
  writeAttributes,
  writeBlock,
  writeFilemarks,
} from '../src/scsi/index.js'
import { simulatedLibrary } from '../src/testing/index.js'
import { block, firstDrive, mounted } from './support/mounted.js'
import { calm, failure } from './support/scsi-failure.js'

const mib = 2 ** 20
const quick = { ...calm, pollMs: 1 }

describe('mounting', () => {
  it('tells of a reset first, then becomes ready, then tells of the medium', async () => {
    using library = simulatedLibrary({ drives: 1, slots: 1, cartridges: [{ barcode: 'T1' }] })
    const drive = firstDrive(library)
    expect((await failure(testUnitReady(drive, calm), 'unit-attention')).sense).toMatchObject({ asc: 0x29, ascq: 0 })
    await failure(testUnitReady(drive, calm), 'no-medium')
    await awaitReady(library.changer, quick)
    await moveMedium(library.changer, { source: 1024, destination: 256 }, calm)
    expect((await failure(testUnitReady(drive, calm), 'unit-attention')).sense).toMatchObject({ asc: 0x28, ascq: 0 })
    await failure(testUnitReady(drive, calm), 'becoming-ready')
    await failure(writeBlock(drive, block(10, 1), calm), 'becoming-ready')
    await testUnitReady(drive, calm)
    expect(library.counters(0)).toMatchObject({ mounts: 1, commands: 6 })
  })

  it('is waited for, and what the unit attentions said is returned', async () => {
    using library = simulatedLibrary({ drives: 1, slots: 1, cartridges: [{ barcode: 'T1' }], readyAfterCommands: 5 })
    const drive = firstDrive(library)
    await awaitReady(library.changer, quick)
    await failure(awaitReady(drive, quick), 'no-medium')
    await moveMedium(library.changer, { source: 1024, destination: 256 }, calm)
    expect((await awaitReady(drive, quick)).map(({ asc }) => asc)).toEqual([0x28])
    expect(await awaitReady(drive, quick)).toEqual([])
  })

  it('is not waited for longer than one has patience', async () => {
    using library = simulatedLibrary({ drives: 1, slots: 1, cartridges: [{ barcode: 'T1' }], readyAfterCommands: 1e9 })
    await awaitReady(library.changer, quick)
    await moveMedium(library.changer, { source: 1024, destination: 256 }, calm)
    await failure(awaitReady(firstDrive(library), { ...quick, patienceMs: 50 }), 'becoming-ready')
  })

  it('cleans a drive with a cleaning cartridge, which holds no data', async () => {
    using library = simulatedLibrary({ drives: 1, slots: 1, cartridges: [{ barcode: 'CLN1', cleaning: true }] })
    await awaitReady(library.changer, quick)
    await moveMedium(library.changer, { source: 1024, destination: 256 }, calm)
    const drive = firstDrive(library)
    await failure(testUnitReady(drive, calm), 'unit-attention')
    await failure(testUnitReady(drive, calm), 'cleaning')
    await failure(writeBlock(drive, block(10, 1), calm), 'cleaning')
    await failure(testUnitReady(drive, calm), 'not-ready')
    expect(library.counters(0).cleanings).toBe(1)
    await moveMedium(library.changer, { source: 256, destination: 1024 }, calm)
    await failure(testUnitReady(drive, calm), 'no-medium')
  })

  it('brings what was buffered to the tape before a cartridge leaves', async () => {
    const { library, drive } = await mounted()
    await writeBlock(drive, block(10, 1), calm)
    expect(library.cartridge('T1').flushedObjects).toBe(0)
    await moveMedium(library.changer, { source: 256, destination: 1024 }, calm)
    expect(library.cartridge('T1').flushedObjects).toBe(1)
  })
})

describe('a loss of power', () => {
  it('takes what was written since the last flush, filemarks that were immediate as well', async () => {
    const { library, drive } = await mounted()
    await writeBlock(drive, block(10, 1), calm)
    await writeFilemarks(drive, 1, calm)
    await writeBlock(drive, block(10, 2), calm)
    await writeFilemarks(drive, 1, { ...calm, immediate: true })
    await writeBlock(drive, block(10, 3), calm)
    expect(await readPosition(drive, 'short', calm)).toMatchObject({ object: 5, firstBuffered: 2, bufferedObjects: 3 })
    library.losePower()
    expect(library.cartridge('T1').objects).toEqual([block(10, 1), 'filemark'])
    expect((await failure(testUnitReady(drive, calm), 'unit-attention')).sense).toMatchObject({ asc: 0x29, ascq: 1 })
    expect(await readPosition(drive, 'short', calm)).toMatchObject({ object: 0, isBeginning: true })
  })

  it('takes what was written over older data, and the older data with it', async () => {
    const { library, drive } = await mounted({ content: [block(10, 1), block(10, 2), block(10, 3)] })
    await locate(drive, { object: 1 }, calm)
    await writeBlock(drive, block(10, 9), calm)
    library.losePower()
    expect(library.cartridge('T1').objects).toEqual([block(10, 1)])
  })

  it('may leave a block that was half written and cannot be read', async () => {
    const { library, drive } = await mounted()
    await writeFilemarks(drive, 1, calm)
    await writeBlock(drive, block(10, 2), calm)
    await writeBlock(drive, block(10, 3), calm)
    library.losePower({ halfWritten: true })
    await awaitReady(drive, quick)
    expect(await readBlock(drive, new Uint8Array(10), calm)).toEqual({ kind: 'filemark' })
    await failure(readBlock(drive, new Uint8Array(10), calm), 'medium-error')
    expect(await readBlock(drive, new Uint8Array(10), calm)).toEqual({ kind: 'end-of-data' })
  })

  it.each([
    ['a flush', async (drive: Parameters<typeof flush>[0]) => await flush(drive, calm)],
    ['a rewind', async (drive: Parameters<typeof flush>[0]) => await rewind(drive, calm)],
    ['a locate', async (drive: Parameters<typeof flush>[0]) => await locate(drive, { object: 0 }, calm)],
    ['an unload', async (drive: Parameters<typeof flush>[0]) => await unloadMedium(drive, calm)],
  ])('takes nothing after %s', async (_name, act) => {
    const { library, drive } = await mounted()
    await writeBlock(drive, block(10, 1), calm)
    await act(drive)
    library.losePower()
    expect(library.cartridge('T1').objects).toEqual([block(10, 1)])
  })

  it('takes nothing where each block is written through', async () => {
    const { library, drive } = await mounted()
    await modeSelect(drive, { bufferedMode: 0 }, calm)
    await writeBlock(drive, block(10, 1), calm)
    library.losePower()
    expect(library.cartridge('T1').objects).toEqual([block(10, 1)])
  })
})

describe('faults', () => {
  it('answer a command with sense data, and carry nothing out', async () => {
    const { library, drive } = await mounted()
    library.failNext(0, { opcode: 0x0a, result: { key: 0x3, additional: 0x0c00 }, afterCommands: 1 })
    await writeBlock(drive, block(10, 1), calm)
    await failure(writeBlock(drive, block(10, 2), calm), 'medium-error')
    await writeBlock(drive, block(10, 3), calm)
    expect(library.cartridge('T1').objects).toEqual([block(10, 1), block(10, 3)])
  })

  it('come after so many bytes, and as often as wanted', async () => {
    const { library, drive } = await mounted()
    library.failNext(0, { opcode: 0x0a, result: { key: 0x4, additional: 0x1501 }, afterBytes: 2500, times: 2 })
    await writeBlock(drive, block(1000, 1), calm)
    await writeBlock(drive, block(1000, 2), calm)
    await failure(writeBlock(drive, block(1000, 3), calm), 'hardware-error')
    await failure(writeBlock(drive, block(1, 3), calm), 'hardware-error')
    await writeBlock(drive, block(1000, 4), calm)
    expect(library.cartridge('T1').objects).toHaveLength(3)
  })

  it('lose a command before or after it is carried out', async () => {
    const { library, drive } = await mounted()
    library.failNext(0, { opcode: 0x0a, result: 'lost' })
    await expect(writeBlock(drive, block(10, 1), calm)).rejects.toThrow('was lost on its way')
    expect(library.cartridge('T1').objects).toEqual([])
    library.failNext(0, { opcode: 0x0a, result: 'lost-after' })
    await expect(writeBlock(drive, block(10, 2), calm)).rejects.toThrow('was lost on its way')
    expect(library.cartridge('T1').objects).toEqual([block(10, 2)])
  })

  it('make a unit busy for once', async () => {
    const { library } = await mounted()
    library.failNext('changer', { result: 'busy' })
    await failure(testUnitReady(library.changer, calm), 'busy')
    await testUnitReady(library.changer, calm)
  })

  it('kill a drive', async () => {
    const { library, drive } = await mounted()
    library.kill(0, 'hardware-error')
    await failure(testUnitReady(drive, calm), 'hardware-error')
    library.kill(0, 'silent')
    await expect(testUnitReady(drive, calm)).rejects.toThrow('does not answer')
  })

  it('swap cartridges behind the host, so that the drive tells or does not', async () => {
    const other = { barcode: 'T2', content: [block(5, 9)] }
    const { library, drive } = await mounted({}, { cartridges: [{ barcode: 'T1' }, other] })
    library.swapByHand(256, 1025)
    expect(library.cartridge('T2').address).toBe(256)
    await failure(testUnitReady(drive, calm), 'unit-attention')
    library.swapByHand(256, 1025, { silently: true })
    await testUnitReady(drive, calm)
    expect(library.cartridge('T1').address).toBe(256)
  })
})

describe('counters', () => {
  it('tell streaming from stopping', async () => {
    const { library, drive } = await mounted()
    for (let file = 0; file < 3; file += 1) {
      for (let index = 0; index < 4; index += 1) await writeBlock(drive, block(1000, index), calm)
      await writeFilemarks(drive, 1, { ...calm, immediate: true })
    }
    expect(library.counters(0)).toMatchObject({ bytesWritten: 12_000, stops: 0, flushes: 0 })
    await flush(drive, calm)
    await flush(drive, calm)
    expect(library.counters(0)).toMatchObject({ stops: 1, flushes: 1 })
    await writeBlock(drive, block(1000, 1), calm)
    await writeFilemarks(drive, 1, calm)
    expect(library.counters(0)).toMatchObject({ stops: 2, flushes: 2 })
  })

  it('tell how far the tape went for nothing', async () => {
    const { library, drive } = await mounted({ content: [block(100, 1), block(200, 2), block(300, 3)] })
    await locate(drive, { object: 2 }, calm)
    expect(library.counters(0)).toMatchObject({ locates: 1, distanceObjects: 2, distanceBytes: 300 })
    await readBlock(drive, new Uint8Array(300), calm)
    await rewind(drive, calm)
    expect(library.counters(0)).toMatchObject({ rewinds: 1, distanceObjects: 5, bytesRead: 300, stops: 1 })
    await spaceFilemarks(drive, 1, calm)
    expect(library.counters(0)).toMatchObject({ spaces: 1, distanceObjects: 8, distanceBytes: 1500 })
  })
})

describe('the memory of a cartridge', () => {
  it('is written and read, and stays with the cartridge', async () => {
    const { library, drive } = await mounted()
    await writeAttributes(
      drive,
      [hostAttribute(mediumAttribute.barcode, 'T1'), hostAttribute(mediumAttribute.userTextLabel, 'Dienstag, Woche 3')],
      calm,
    )
    await moveMedium(library.changer, { source: 256, destination: 1025 }, calm)
    await moveMedium(library.changer, { source: 1025, destination: 256 }, calm)
    await awaitReady(drive, quick)
    expect(summarizeAttributes(await readAttributes(drive, calm))).toMatchObject({
      barcode: 'T1',
      userTextLabel: 'Dienstag, Woche 3',
      remainingBytes: 4 * mib,
      maximumBytes: 4 * mib,
      loadCount: 2,
      mediumSerialNumber: 'SNT1',
      kind: 'data',
    })
    const label = { id: mediumAttribute.barcode, format: 'ascii', isReadOnly: false, value: new Uint8Array() } as const
    await writeAttributes(drive, [label], calm)
    expect(summarizeAttributes(await readAttributes(drive, calm)).barcode).toBeUndefined()
  })

  it('has attributes that only the drive writes', async () => {
    const { drive } = await mounted({ worm: true })
    const own = {
      id: mediumAttribute.mediumType,
      format: 'binary',
      isReadOnly: false,
      value: Uint8Array.of(0),
    } as const
    await failure(writeAttributes(drive, [own], calm), 'illegal-request')
    expect(summarizeAttributes(await readAttributes(drive, calm)).kind).toBe('worm')
  })

  it('tells what is left as the tape fills', async () => {
    const { drive } = await mounted()
    await writeBlock(drive, block(mib, 1), calm)
    expect(summarizeAttributes(await readAttributes(drive, calm)).remainingBytes).toBe(3 * mib)
    expect(decodeTapeCapacity(await logSense(drive, 0x31, calm))).toEqual({
      remainingBytes: 3 * mib,
      maximumBytes: 4 * mib,
    })
  })
})

describe('what a unit says of itself', () => {
  it('has product data, and a list of commands that are all there', async () => {
    const { drive, library } = await mounted()
    expect(await inquiry(drive, calm)).toMatchObject({ peripheralType: 1, vendor: 'IBM', isRemovable: true })
    expect(await inquiry(library.changer, calm)).toMatchObject({ peripheralType: 8 })
    expect(await supportedVitalPages(drive, calm)).toEqual([0x00, 0x80, 0x83, 0xb0])
    expect(await unitSerialNumber(drive, calm)).toBe('DRV001')
    expect(await streamCapabilities(drive, calm)).toEqual({ handlesWorm: true, reportsTamper: false })
    const opcodes = (await reportSupportedOperations(drive, calm)).map(({ opcode }) => opcode)
    expect(opcodes).toEqual(expect.arrayContaining([0x08, 0x0a, 0x2b, 0x92, 0x8c]))
  })

  it('has TapeAlert flags that go down when they are read', async () => {
    const { drive, library } = await mounted()
    library.raiseTapeAlert(0, 20)
    expect(await tapeAlerts(drive, 'drive', calm)).toEqual([
      { flag: 20, name: 'Cleaning required', severity: 'critical' },
    ])
    expect(await tapeAlerts(drive, 'drive', calm)).toEqual([])
    library.raiseTapeAlert('changer', 16)
    expect(await tapeAlerts(library.changer, 'changer', calm)).toMatchObject([{ name: 'Library door' }])
  })

  it('has compression that is switched by its page', async () => {
    const { drive } = await mounted()
    const before = await modeSense(drive, { page: 0x0f, form: 10 }, calm)
    expect(decodeCompression(before).isEnabled).toBe(true)
    await modeSelect(drive, { pages: [withCompression(before, false)], form: 10 }, calm)
    expect(decodeCompression(await modeSense(drive, { page: 0x0f }, calm)).isEnabled).toBe(false)
  })

  it('lacks what is switched off', async () => {
    const supports = { locate: false, attributes: false, logSense: false, persistentReservations: false }
    const { drive } = await mounted({}, { supports })
    await failure(locate(drive, { object: 0 }, calm), 'unsupported')
    await failure(readAttributes(drive, calm), 'unsupported')
    await failure(logSense(drive, 0x2e, calm), 'unsupported')
    await failure(readReservation(drive, calm), 'unsupported')
    await rewind(drive, calm)
  })
})

describe('blocks in a file', () => {
  it('come back as they were, and those of one value take no room', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-library-'))
    try {
      const blockFile = join(folder, 'blocks')
      const { library, drive } = await mounted({}, { blockFile })
      using _open = library
      const odd = Uint8Array.from({ length: 5000 }, (_, index) => index % 251)
      for (const bytes of [block(100_000, 3), odd, odd]) await writeBlock(drive, bytes, calm)
      expect(statSync(blockFile).size).toBe(10_000)
      expect(library.cartridge('T1').objects).toEqual([block(100_000, 3), odd, odd])
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

it('does nothing for a caller that gave up', async () => {
  const { library, drive } = await mounted()
  const given = AbortSignal.abort(new Error('given up'))
  await expect(writeBlock(drive, block(10, 1), { signal: given })).rejects.toThrow('given up')
  expect(library.cartridge('T1').objects).toEqual([])
})
