import { type SimulatedLibraryOptions, simulatedLibrary } from '@holdfast/protocol-iscsi/testing'
import { describe, expect, it } from 'vitest'
import { scsiDrive } from '../src/drive/scsi-drive.js'
import { scsiChanger } from '../src/library/scsi-changer.js'
import { tapeLibrary } from '../src/library/tape-library.js'
import { memoryClaims } from './support/memory-claims.js'

const call = { signal: new AbortController().signal }

const sharing = () => ({ claims: memoryClaims(), patienceMs: 60_000 })

function site(options: Partial<SimulatedLibraryOptions> = {}) {
  const cartridges = ['T1', 'T2', 'T3', 'T4'].map((barcode) => ({ barcode, sizeBytes: 2 ** 20 }))
  const simulated = simulatedLibrary({
    drives: 2,
    slots: 4,
    importExportSlots: 1,
    cartridges,
    readyAfterCommands: 0,
    ...options,
  })
  const drives = simulated.drives.map((device, number) => scsiDrive(`drive ${number}`, device))
  return { simulated, library: tapeLibrary(scsiChanger('the library', simulated.changer), drives, sharing()) }
}

describe.each([
  ['by the standards', {}],
  ['as tgtd is', { quirks: ['tgtd'] as const }],
])('a library that behaves %s', (_, options) => {
  it('lists what lies where', async () => {
    const { library } = site(options)
    await using _mounted = await library.mount('T2', call)
    const places = await library.places(call)
    expect(places.map(({ kind, number, barcode }) => [kind, number, barcode])).toEqual([
      ['slot', 0, 'T1'],
      ['slot', 1, undefined],
      ['slot', 2, 'T3'],
      ['slot', 3, 'T4'],
      ['mail', 0, undefined],
      ['drive', 0, 'T2'],
      ['drive', 1, undefined],
    ])
  })

  it('leaves a cartridge in its drive for who wants it next', async () => {
    const { simulated, library } = site(options)
    for (let round = 0; round < 3; round++) {
      await using mounted = await library.mount('T1', call)
      expect([mounted.barcode, mounted.drive.name]).toEqual(['T1', 'drive 0'])
    }
    expect(simulated.changerCounters().moves).toBe(1)
  })

  it('uses empty drives first, then that which was left alone for longest, and puts its cartridge back', async () => {
    const { simulated, library } = site(options)
    const drives: string[] = []
    for (const barcode of ['T1', 'T2', 'T1', 'T3', 'T4']) {
      await using mounted = await library.mount(barcode, call)
      drives.push(mounted.drive.name)
    }
    expect(drives).toEqual(['drive 0', 'drive 1', 'drive 0', 'drive 1', 'drive 0'])
    expect(simulated.cartridge('T2').address).toBe(1025)
    expect(simulated.cartridge('T1').address).toBe(1024)
    // Four in, two of them out again.
    expect(simulated.changerCounters().moves).toBe(6)
  })

  it('says which cartridge is not there', async () => {
    const { library } = site(options)
    await expect(library.mount('T9', call)).rejects.toMatchObject({
      code: 'E_MEDIA_NEEDED',
      context: { barcode: 'T9' },
    })
  })
})

describe('a library', () => {
  it('waits for a drive while all are in use, and for a cartridge that another has', async () => {
    const { library } = site()
    const first = await library.mount('T1', call)
    const second = await library.mount('T2', call)
    const order: string[] = []
    const waiting = [library.mount('T1', call), library.mount('T3', call)].map(async (mounting) => {
      await using mounted = await mounting
      order.push(`${mounted.barcode} in ${mounted.drive.name}`)
    })
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(order).toEqual([])
    await second[Symbol.asyncDispose]()
    await waiting[1]
    expect(order).toEqual(['T3 in drive 1'])
    await first[Symbol.asyncDispose]()
    await Promise.all(waiting)
    expect(order).toEqual(['T3 in drive 1', 'T1 in drive 0'])
  })

  it('stops waiting when it is told to', async () => {
    const { library } = site()
    await using _first = await library.mount('T1', call)
    const abort = new AbortController()
    const waiting = library.mount('T1', { signal: abort.signal })
    setTimeout(() => abort.abort(new Error('enough')), 20)
    await expect(waiting).rejects.toThrow('enough')
  })

  it('finds a cartridge that an earlier run left in a drive', async () => {
    const { simulated, library } = site()
    {
      await using _mounted = await library.mount('T1', call)
    }
    const again = tapeLibrary(
      scsiChanger('the library', simulated.changer),
      simulated.drives.map((device, number) => scsiDrive(`drive ${number}`, device)),
      sharing(),
    )
    await using mounted = await again.mount('T1', call)
    expect(mounted.drive.name).toBe('drive 0')
    expect(simulated.changerCounters().moves).toBe(1)
  })

  it('frees the drive of a cartridge that cannot be loaded', async () => {
    const { simulated, library } = site({ drives: 1 })
    simulated.failNext(0, { result: { key: 4, additional: 0x4400 } })
    await expect(library.mount('T1', call)).rejects.toMatchObject({ code: 'E_TARGET_IO' })
    await using mounted = await library.mount('T2', call)
    expect(mounted.barcode).toBe('T2')
    expect(simulated.cartridge('T1').address).toBe(1024)
  })

  it('puts a cartridge into another slot when its own was taken', async () => {
    const { simulated, library } = site({ drives: 1, slots: 5 })
    {
      await using _mounted = await library.mount('T1', call)
    }
    simulated.insertByHand(1024, { barcode: 'NEW' })
    await using _mounted = await library.mount('T2', call)
    expect(simulated.cartridge('T1').address).toBe(1028)
  })

  it('that has no free slot for what is in the drive says so, and loses nothing', async () => {
    const { simulated, library } = site({ drives: 1, slots: 4 })
    {
      await using _mounted = await library.mount('T1', call)
    }
    simulated.insertByHand(1024, { barcode: 'NEW' })
    await expect(library.mount('T2', call)).rejects.toMatchObject({ code: 'E_TARGET_FULL' })
    await using mounted = await library.mount('T1', call)
    expect(mounted.barcode).toBe('T1')
  })
})
