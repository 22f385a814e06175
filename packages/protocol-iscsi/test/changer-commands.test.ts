import { describe, expect, it } from 'vitest'
import {
  awaitReady,
  designators,
  elementAddresses,
  exchangeMedium,
  initializeElementStatus,
  moveMedium,
  positionToElement,
  preventRemoval,
  readElementStatus,
  readInventory,
  type ScsiDevice,
  setImportExportDoor,
  testUnitReady,
} from '../src/scsi/index.js'
import { type SimulatedLibraryOptions, simulatedLibrary } from '../src/testing/index.js'
import { calm, failure } from './support/scsi-failure.js'

const library = (more: Partial<SimulatedLibraryOptions> = {}) =>
  simulatedLibrary({
    drives: 2,
    slots: 4,
    importExportSlots: 2,
    cartridges: ['T1', 'T2', 'T3'].map((barcode) => ({ barcode })),
    readyAfterCommands: 0,
    ...more,
  })

async function inventoryOf(changer: ScsiDevice) {
  await awaitReady(changer, calm)
  return await readInventory(changer, await elementAddresses(changer, calm), calm)
}

const tags = (elements: readonly { readonly primaryTag: { readonly identifier: string } | undefined }[]) =>
  elements.map(({ primaryTag }) => primaryTag?.identifier)

describe('the inventory', () => {
  it('has all elements of all kinds', async () => {
    using held = library()
    const inventory = await inventoryOf(held.changer)
    expect(tags(inventory.storage)).toEqual(['T1', 'T2', 'T3', undefined])
    expect(inventory.storage.map(({ address }) => address)).toEqual([1024, 1025, 1026, 1027])
    expect(inventory.importExport.map(({ address }) => address)).toEqual([768, 769])
    expect(inventory.transports).toHaveLength(1)
  })

  it('names drives as they name themselves', async () => {
    using held = library()
    const { drives } = await inventoryOf(held.changer)
    const own = await Promise.all(held.drives.map(async (drive) => await designators(drive, calm)))
    expect(drives.map(({ deviceId }) => deviceId?.value)).toEqual(own.map(([name]) => name?.value))
  })

  it('does without names where the changer refuses them', async () => {
    using held = library({ supports: { deviceIds: false } })
    const { drives } = await inventoryOf(held.changer)
    expect(drives.map(({ address, deviceId }) => [address, deviceId])).toEqual([
      [256, undefined],
      [257, undefined],
    ])
  })

  it('is whole though each answer is cut by 8 bytes', async () => {
    using held = library({ quirks: ['tgtd'], slots: 9 })
    const inventory = await inventoryOf(held.changer)
    expect(inventory.storage.map(({ address }) => address)).toEqual([
      1024, 1025, 1026, 1027, 1028, 1029, 1030, 1031, 1032,
    ])
    expect(tags(inventory.storage).slice(0, 3)).toEqual(['T1', 'T2', 'T3'])
    expect(inventory.drives.map(({ address }) => address)).toEqual([256, 257])
  })

  it('is whole though each answer is cut within a label', async () => {
    using held = library()
    await awaitReady(held.changer, calm)
    // Two headers, an element and the beginning of the next one.
    const most = 8 + 8 + 52 + 20
    const cutting: ScsiDevice = {
      execute: async (command, options) => {
        const answer = await held.changer.execute(command, options)
        return { ...answer, dataInBytes: Math.min(answer.dataInBytes, most) }
      },
    }
    const inventory = await readInventory(cutting, await elementAddresses(held.changer, calm), calm)
    expect(tags(inventory.storage)).toEqual(['T1', 'T2', 'T3', undefined])
    expect(inventory.storage.map(({ isCut }) => isCut)).toEqual([false, false, false, false])
  })

  it('is refused when a changer tells nothing of an element', async () => {
    using held = library()
    await awaitReady(held.changer, calm)
    const addresses = await elementAddresses(held.changer, calm)
    const more = { ...addresses, storage: { first: 1024, count: 5 } }
    await failure(readInventory(held.changer, more, calm), 'malformed')
  })

  it('tells of defects', async () => {
    using held = library()
    held.setElementException(1026, 0x8302)
    const { storage } = await inventoryOf(held.changer)
    expect(storage[2]?.exception).toMatchObject({ asc: 0x83, ascq: 0x02 })
    expect(storage[1]?.exception).toBeUndefined()
  })

  it('is in parts when asked so', async () => {
    using held = library()
    await awaitReady(held.changer, calm)
    const query = { type: 'storage', firstAddress: 1025, count: 2 } as const
    const { elements, available } = await readElementStatus(held.changer, query, calm)
    expect([tags(elements), available]).toEqual([['T2', 'T3'], 2])
    const bare = await readElementStatus(held.changer, { ...query, withVolumeTags: false }, calm)
    expect(bare.elements.map(({ isFull, primaryTag }) => [isFull, primaryTag])).toEqual([
      [true, undefined],
      [true, undefined],
    ])
  })
})

describe('moving', () => {
  it('takes a cartridge to a drive and back, and knows where it came from', async () => {
    using held = library()
    await awaitReady(held.changer, calm)
    await moveMedium(held.changer, { source: 1025, destination: 257, transport: 1 }, calm)
    expect((await inventoryOf(held.changer)).drives[1]).toMatchObject({
      isFull: true,
      sourceAddress: 1025,
      primaryTag: { identifier: 'T2' },
      isAccessible: false,
    })
    await moveMedium(held.changer, { source: 257, destination: 1027 }, calm)
    expect(held.cartridge('T2')).toMatchObject({ address: 1027, loadCount: 1 })
    expect(held.changerCounters().moves).toBe(2)
  })

  it.each([
    ['from an empty slot', { source: 1027, destination: 256 }, 'source-empty'],
    ['to a full slot', { source: 1024, destination: 1025 }, 'destination-full'],
    ['from nowhere', { source: 4000, destination: 256 }, 'unknown-element'],
    ['to nowhere', { source: 1024, destination: 4000 }, 'unknown-element'],
    ['with a slot for an arm', { source: 1024, destination: 256, transport: 1025 }, 'unknown-element'],
  ] as const)('is refused %s', async (_name, move, code) => {
    using held = library()
    await awaitReady(held.changer, calm)
    await failure(moveMedium(held.changer, move, calm), code)
    expect(held.changerCounters().moves).toBe(0)
  })

  it('is refused while a drive holds its cartridge', async () => {
    using held = library()
    await awaitReady(held.changer, calm)
    await moveMedium(held.changer, { source: 1024, destination: 256 }, calm)
    const [drive] = held.drives
    await awaitReady(drive!, calm)
    await preventRemoval(drive!, true, calm)
    const back = { source: 256, destination: 1024 }
    await failure(moveMedium(held.changer, back, calm), 'removal-prevented')
    await preventRemoval(drive!, false, calm)
    await moveMedium(held.changer, back, calm)
    expect(held.cartridge('T1').address).toBe(1024)
  })

  it('wants the drive unloaded first where the library does not do it', async () => {
    using held = library({ supports: { moveWithoutUnload: false } })
    await awaitReady(held.changer, calm)
    await moveMedium(held.changer, { source: 1024, destination: 256 }, calm)
    await failure(moveMedium(held.changer, { source: 256, destination: 1024 }, calm), 'removal-prevented')
  })

  it('makes room by an exchange', async () => {
    using held = library()
    await awaitReady(held.changer, calm)
    await moveMedium(held.changer, { source: 1024, destination: 256 }, calm)
    await exchangeMedium(held.changer, { source: 1025, destination: 256, secondDestination: 1025 }, calm)
    expect([held.cartridge('T1').address, held.cartridge('T2').address]).toEqual([1025, 256])
    const full = { source: 1026, destination: 256, secondDestination: 1025 }
    await failure(exchangeMedium(held.changer, full, calm), 'destination-full')
  })
})

describe('an operator', () => {
  it('puts cartridges into a mail slot, and the changer tells', async () => {
    using held = library()
    await awaitReady(held.changer, calm)
    held.insertByHand(769, { barcode: 'NEW1' })
    const error = await failure(testUnitReady(held.changer, calm), 'unit-attention')
    expect(error.sense).toMatchObject({ asc: 0x28, ascq: 0x01 })
    const { importExport } = await inventoryOf(held.changer)
    expect(importExport[1]).toMatchObject({ primaryTag: { identifier: 'NEW1' }, importExport: { byOperator: true } })
    await moveMedium(held.changer, { source: 769, destination: 1027 }, calm)
    held.removeByHand(1027)
    expect(held.cartridge('NEW1').address).toBeUndefined()
  })

  it('gets at the mail slot when it is opened', async () => {
    using held = library()
    await awaitReady(held.changer, calm)
    await setImportExportDoor(held.changer, { element: 768, isOpen: true }, calm)
    await preventRemoval(held.changer, true, calm)
    await failure(setImportExportDoor(held.changer, { element: 768, isOpen: true }, calm), 'removal-prevented')
    await setImportExportDoor(held.changer, { element: 768, isOpen: false }, calm)
    await failure(setImportExportDoor(held.changer, { element: 1024, isOpen: true }, calm), 'unknown-element')
  })
})

it('looks at its elements again, all of them or some', async () => {
  using held = library()
  await awaitReady(held.changer, calm)
  await initializeElementStatus(held.changer, undefined, calm)
  await initializeElementStatus(held.changer, { first: 1024, count: 2 }, calm)
  expect(held.changerCounters().inventories).toBe(2)
})

it('positions an arm', async () => {
  using held = library()
  await awaitReady(held.changer, calm)
  await positionToElement(held.changer, { element: 1025 }, calm)
  await failure(positionToElement(held.changer, { element: 5 }, calm), 'unknown-element')
})
