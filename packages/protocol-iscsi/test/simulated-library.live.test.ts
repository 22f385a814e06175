import { skipsWithout, startTgtd } from 'holdfast-lab'
import { describe, expect, it } from 'vitest'
import { connectIscsi } from '../src/index.js'
import {
  awaitReady,
  designators,
  elementAddresses,
  inquiry,
  locate,
  modeSelect,
  modeSense,
  moveMedium,
  readBlock,
  readBlocks,
  readInventory,
  readPosition,
  reportLuns,
  reportSupportedOperations,
  requestSense,
  rewind,
  spaceBlocks,
  spaceFilemarks,
  spaceToEndOfData,
  unitSerialNumber,
  writeBlock,
  writeBlocks,
  writeFilemarks,
} from '../src/scsi/index.js'
import { simulatedLibrary } from '../src/testing/index.js'
import { converse } from './support/conversation.js'
import { block } from './support/mounted.js'
import { calm, failure } from './support/scsi-failure.js'
import { library, tgtdConversation } from './support/tgtd-conversation.js'

const startLibrary = () => startTgtd({ ...library, mailSlots: library.importExportSlots })
const skips = skipsWithout('tgt')

describe.skipIf(skips)('the simulated library with the quirks of tgtd', () => {
  it('gives the answers that tgtd itself gives, command by command', async () => {
    await using real = await startLibrary()
    await using session = await connectIscsi(real)
    using simulated = simulatedLibrary({
      ...library,
      cartridges: library.cartridges.map(({ barcode, sizeMib }) => ({ barcode, sizeBytes: sizeMib * 2 ** 20 })),
      quirks: ['tgtd'],
    })
    const [firstDrive, secondDrive] = simulated.drives
    const fromReal = await converse(
      {
        drive: session.device(real.driveLuns[0]!),
        smallDrive: session.device(real.driveLuns[1]!),
        changer: session.device(real.changerLun),
      },
      tgtdConversation,
    )
    const fromSimulated = await converse(
      { drive: firstDrive!, smallDrive: secondDrive!, changer: simulated.changer },
      tgtdConversation,
    )
    expect(fromReal.filter(({ status }) => status === 0).length).toBeGreaterThan(100)
    expect(fromSimulated).toEqual(fromReal)
  })
})

describe.skipIf(skips)('commands to tgtd', () => {
  it('find out what the library is and has', async () => {
    await using real = await startLibrary()
    await using session = await connectIscsi(real)
    const changer = session.device(real.changerLun)
    const drive = session.device(real.driveLuns[1]!)
    expect(await reportLuns(changer, calm)).toEqual([0, 1, 2, 3])
    expect(await inquiry(drive, calm)).toMatchObject({ peripheralType: 1, product: 'ULT3580-TD5' })
    expect(await unitSerialNumber(drive, calm)).toBe('DRV002')
    expect((await designators(drive, calm)).map(({ type }) => type)).toEqual([1, 3, 3])
    expect((await awaitReady(changer, calm)).map(({ asc }) => asc)).toEqual([0x29])
    const addresses = await elementAddresses(changer, calm)
    const inventory = await readInventory(changer, addresses, calm)
    expect(inventory.storage.map(({ primaryTag }) => primaryTag?.identifier)).toEqual([
      ...library.cartridges.map(({ barcode }) => barcode),
      ...[undefined, undefined, undefined],
    ])
    expect(inventory.drives.map(({ address, isFull }) => [address, isFull])).toEqual([
      [256, false],
      [257, false],
    ])
    const operations = await reportSupportedOperations(drive, calm).catch(async () => {
      // The first command meets the unit attention.
      return await reportSupportedOperations(drive, calm)
    })
    expect(operations.map(({ opcode }) => opcode)).toContain(0x0a)
    expect(await requestSense(drive, calm)).toMatchObject({ key: 0 })
    await failure(awaitReady(drive, calm), 'no-medium')
  })

  it('write, find and read blocks', async () => {
    await using real = await startLibrary()
    await using session = await connectIscsi(real)
    const changer = session.device(real.changerLun)
    const drive = session.device(real.driveLuns[0]!)
    await awaitReady(changer, calm)
    await moveMedium(changer, { source: 1024, destination: 256 }, calm)
    await awaitReady(drive, calm)
    for (let file = 0; file < 3; file += 1) {
      for (let index = 0; index < 3; index += 1) await writeBlock(drive, block(300_000, 16 * file + index), calm)
      await writeFilemarks(drive, 1, calm)
    }
    expect((await readPosition(drive, 'short', calm)).isKnown).toBe(false)
    await failure(locate(drive, { object: 3 }, calm), 'unsupported')
    await rewind(drive, calm)
    expect(await spaceFilemarks(drive, 2, calm)).toMatchObject({ stoppedBy: 'nothing' })
    expect(await spaceBlocks(drive, 1, calm)).toMatchObject({ stoppedBy: 'nothing' })
    const buffer = new Uint8Array(600_000)
    expect(await readBlock(drive, buffer, calm)).toEqual({ kind: 'block', bytes: 300_000 })
    expect(buffer.subarray(0, 300_000)).toEqual(block(300_000, 0x21))
    expect(await readBlock(drive, buffer.subarray(0, 1000), calm)).toEqual({
      kind: 'longer-block',
      blockBytes: 300_000,
    })
    expect(await readBlock(drive, buffer, calm)).toEqual({ kind: 'filemark' })
    expect(await readBlock(drive, buffer, calm)).toEqual({ kind: 'end-of-data' })
    await rewind(drive, calm)
    await failure(readBlock(drive, new Uint8Array(400_000), calm), 'short-transfer')
    expect(await spaceFilemarks(drive, 9, calm)).toEqual({ stoppedBy: 'end-of-data', remaining: undefined })
  })

  it('write and read blocks of one length, and set it', async () => {
    await using real = await startLibrary()
    await using session = await connectIscsi(real)
    const changer = session.device(real.changerLun)
    const drive = session.device(real.driveLuns[0]!)
    await awaitReady(changer, calm)
    await moveMedium(changer, { source: 1024, destination: 256 }, calm)
    await awaitReady(drive, calm)
    const blockDescriptor = { densityCode: 0, blockCount: 0, blockLengthBytes: 512 }
    await modeSelect(drive, { blockDescriptor }, calm)
    expect((await modeSense(drive, { page: 0x3f }, calm)).blockDescriptor).toEqual(blockDescriptor)
    const blocks = Uint8Array.from({ length: 512 * 100 }, (_, index) => Math.floor(index / 512))
    await writeBlocks(drive, blocks, 512, calm)
    await writeFilemarks(drive, 1, calm)
    await rewind(drive, calm)
    const back = new Uint8Array(512 * 100)
    expect(await readBlocks(drive, back, 512, calm)).toEqual({ blocks: 100, stoppedBy: 'nothing' })
    expect(back).toEqual(blocks)
    expect(await readBlocks(drive, back, 512, calm)).toEqual({ blocks: 0, stoppedBy: 'filemark' })
    await spaceToEndOfData(drive, calm)
  })
})
