import { describe, expect, it } from 'vitest'
import type { Filesystem } from '../src/filesystem.js'
import { decodeBootSector } from '../src/ntfs/boot-sector.js'
import { openNtfs } from '../src/ntfs/ntfs.js'
import { decodeRuns } from '../src/ntfs/run-list.js'
import { memorySource, unaborted } from './support/memory-source.js'
import { attributeAt, ntfsImage, recordAt } from './support/ntfs-fixture.js'
import { toArray } from './support/to-array.js'
import { digestOf, walkAll } from './support/walk-files.js'

const damaged = expect.objectContaining({ code: 'damaged' })
const open = async (bytes: Uint8Array): Promise<Filesystem> => await openNtfs(memorySource(bytes), unaborted)
const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset)

describe('the boot sector of NTFS', () => {
  const volumeBytes = ntfsImage().byteLength
  const decoded = (change: (view: DataView) => void) => {
    const bytes = ntfsImage().slice(0, 512)
    change(viewOf(bytes))
    return decodeBootSector(bytes, volumeBytes)
  }

  it('says sizes directly or as powers of two', () => {
    expect(decoded(() => undefined)).toMatchObject({ clusterBytes: 1024, recordBytes: 1024 })
    const large = decoded((view) => {
      view.setUint8(0x0d, 0xf4)
      view.setUint8(0x40, 0xf4)
      view.setBigUint64(0x30, 0n, true)
    })
    expect(large).toMatchObject({ clusterBytes: 2 ** 21, recordBytes: 4096 })
  })

  it.each([
    ['sectors of no power of two', (view: DataView) => view.setUint16(0x0b, 1000, true)],
    ['clusters of nothing', (view: DataView) => view.setUint8(0x0d, 0)],
    ['huge clusters', (view: DataView) => view.setUint8(0x0d, 0xe0)],
    ['records of nothing', (view: DataView) => view.setUint8(0x40, 0)],
    ['huge records', (view: DataView) => view.setUint8(0x40, 0x80)],
    ['more than the volume has', (view: DataView) => view.setBigUint64(0x28, 2n ** 30n, true)],
    ['a file table behind the end', (view: DataView) => view.setBigUint64(0x30, 2n ** 20n, true)],
  ])('that claims %s is damaged', (_what, change) => {
    expect(() => decoded(change)).toThrow(damaged)
  })

  it('of something else is not recognised', async () => {
    for (const bytes of [new Uint8Array(100), new Uint8Array(10_000)])
      await expect(open(bytes)).rejects.toMatchObject({ code: 'unrecognised' })
  })
})

describe('opening NTFS', () => {
  it('says label, serial number and version', async () => {
    const filesystem = await open(ntfsImage())
    expect(filesystem).toMatchObject({ kind: 'ntfs', label: 'varied', notes: [] })
    expect(filesystem.uuid).toMatch(/^[0-9A-F]{16}$/)
    const bytes = ntfsImage()
    bytes[attributeAt(bytes, 3, 0x70) + 24 + 8] = 4
    await expect(open(bytes)).rejects.toMatchObject({ code: 'unsupported', message: expect.stringContaining('4.1') })
  })

  it('notes that a check is due', async () => {
    const bytes = ntfsImage()
    bytes[attributeAt(bytes, 3, 0x70) + 24 + 10] = 1
    expect((await open(bytes)).notes).toEqual([expect.stringContaining('chkdsk')])
  })

  it.each([
    ['in use', 0, 0, 1],
    ['in use, but clean', 0, 2, 0],
    ['of no client', 0xffff, 0, 0],
  ])('notes a log that was not replayed: %s', async (_what, client, flags, notes) => {
    const bytes = ntfsImage()
    const log = contentAt(bytes, 2)
    bytes.set(restartPage(5, client, flags), log)
    bytes.set(restartPage(4, client === 0 && flags === 0 ? 0xffff : 0, 0), log + 4096)
    expect((await open(bytes)).notes.length).toBe(notes)
  })

  it('takes a log that is not understood as one that was not replayed', async () => {
    const bytes = ntfsImage()
    bytes.fill(0, contentAt(bytes, 2), contentAt(bytes, 2) + 8192)
    expect((await open(bytes)).notes).toEqual([expect.stringContaining('log')])
  })

  it('uses the mirror of the file table where its beginning is damaged, and says so', async () => {
    const bytes = ntfsImage()
    bytes.fill(0, recordAt(bytes, 0), recordAt(bytes, 0) + 8)
    const filesystem = await open(bytes)
    expect(filesystem.notes).toEqual([expect.stringContaining('mirror')])
    expect((await walkAll(filesystem, unaborted)).size).toBeGreaterThan(160)
    bytes.fill(0, Number(viewOf(bytes).getBigUint64(0x38, true)) * 1024)
    await expect(open(bytes)).rejects.toMatchObject({ code: 'damaged', inode: 0 })
  })

  it('rejects with the reason of an abort, and with the cause of what cannot be read', async () => {
    const bytes = ntfsImage()
    const aborted = AbortSignal.abort(new Error('enough'))
    await expect(openNtfs(memorySource(bytes), { signal: aborted })).rejects.toThrow('enough')
    const failing = { sizeBytes: bytes.byteLength, read: () => Promise.reject(new Error('cable')) }
    await expect(openNtfs(failing, unaborted)).rejects.toMatchObject({ code: 'read', cause: { message: 'cable' } })
    const filesystem = await open(bytes)
    await expect(toArray(filesystem.list(filesystem.root, { signal: aborted }))).rejects.toThrow('enough')
    await expect(filesystem.find('/packed/lines', { signal: aborted })).rejects.toThrow('enough')
  })

  it('asks the source in large parts, and not twice', async () => {
    const source = memorySource(ntfsImage())
    const filesystem = await openNtfs(source, unaborted)
    await walkAll(filesystem, unaborted)
    const calls = source.calls()
    expect(calls).toBeLessThan(40)
    await walkAll(filesystem, unaborted)
    expect(source.calls()).toBe(calls)
  })
})

describe('files of NTFS', () => {
  it('that are damaged are listed, and say so when they are used', async () => {
    const bytes = ntfsImage()
    const { inode = 0 } = (await (await open(bytes)).find('plain', unaborted)).metadata
    bytes[recordAt(bytes, inode) + 510] = 0x55
    const filesystem = await open(bytes)
    const entry = (await walkAll(filesystem, unaborted)).get('/plain')!
    expect(entry).toMatchObject({ type: 'other', metadata: { inode }, problem: { code: 'damaged', inode } })
    for (const use of [filesystem.open(entry, unaborted), filesystem.find('plain', unaborted)])
      await expect(use).rejects.toMatchObject({ code: 'damaged', inode })
  })

  it('whose record was used for another since are damaged', async () => {
    const bytes = ntfsImage()
    const { inode = 0 } = (await (await open(bytes)).find('plain', unaborted)).metadata
    viewOf(bytes).setUint16(recordAt(bytes, inode) + 16, 77, true)
    await expect((await open(bytes)).find('plain', unaborted)).rejects.toMatchObject({ code: 'damaged', inode })
  })

  it('read as zeros behind what was written of them', async () => {
    const bytes = ntfsImage()
    const { inode = 0 } = (await (await open(bytes)).find('plain', unaborted)).metadata
    viewOf(bytes).setBigUint64(attributeAt(bytes, inode, 0x80) + 56, 10_000n, true)
    const filesystem = await open(bytes)
    const file = await filesystem.open(await filesystem.find('plain', unaborted), unaborted)
    const content = new Uint8Array(20_000).fill(1)
    await file.read(0, content, unaborted)
    expect(content.indexOf(0)).toBe(10_000)
    expect(content.subarray(10_000).every((byte) => byte === 0)).toBe(true)
    expect(await toArray(file.dataRanges(unaborted))).toEqual([{ offset: 0, length: 10_000 }])
  })

  it('that are encrypted, or packed by an unknown method, are refused by name', async () => {
    for (const [flags, name] of [
      [0x4000, 'EFS'],
      [2, 'method 2'],
    ] as const) {
      const bytes = ntfsImage()
      const { inode = 0 } = (await (await open(bytes)).find('plain', unaborted)).metadata
      viewOf(bytes).setUint16(attributeAt(bytes, inode, 0x80) + 12, flags, true)
      const filesystem = await open(bytes)
      const opened = filesystem.open(await filesystem.find('plain', unaborted), unaborted)
      await expect(opened).rejects.toMatchObject({ code: 'unsupported', message: expect.stringContaining(name) })
    }
  })

  it('that claim more clusters than they have are damaged, not zeros', async () => {
    const bytes = ntfsImage()
    const { inode = 0 } = (await (await open(bytes)).find('plain', unaborted)).metadata
    const data = attributeAt(bytes, inode, 0x80)
    for (const field of [48, 56]) viewOf(bytes).setBigUint64(data + field, 1_000_000n, true)
    const filesystem = await open(bytes)
    const file = await filesystem.open(await filesystem.find('plain', unaborted), unaborted)
    await expect(file.read(900_000, new Uint8Array(10), unaborted)).rejects.toMatchObject({ code: 'damaged', inode })
    await expect(digestOf(file, unaborted)).rejects.toMatchObject({ code: 'damaged' })
  })

  it('that are packed read as zeros behind what was written, too', async () => {
    const bytes = ntfsImage()
    const { inode = 0 } = (await (await open(bytes)).find('packed/lines', unaborted)).metadata
    viewOf(bytes).setBigUint64(attributeAt(bytes, inode, 0x80) + 56, 70_000n, true)
    const filesystem = await open(bytes)
    const file = await filesystem.open(await filesystem.find('packed/lines', unaborted), unaborted)
    const content = new Uint8Array(100_001).fill(1)
    await file.read(0, content, unaborted)
    expect(content.indexOf(0)).toBe(70_000)
    expect(content.subarray(70_000).every((byte) => byte === 0)).toBe(true)
  })

  it('that go on in the record of another file are damaged', async () => {
    const bytes = ntfsImage()
    const { inode = 0 } = (await (await open(bytes)).find('pieces', unaborted)).metadata
    const view = viewOf(bytes)
    let foreign = 0
    for (let number = 24; number < 240; number++)
      if (view.getUint32(recordAt(bytes, number) + 32, true) === inode) {
        view.setUint32(recordAt(bytes, number) + 32, inode + 1, true)
        foreign += 1
      }
    expect(foreign).toBeGreaterThan(0)
    const filesystem = await open(bytes)
    const file = await filesystem.open(await filesystem.find('pieces', unaborted), unaborted)
    await expect(digestOf(file, unaborted)).rejects.toMatchObject({ code: 'damaged', inode })
  })

  it('in many pieces are read with their holes', async () => {
    const filesystem = await open(ntfsImage())
    const file = await filesystem.open(await filesystem.find('pieces', unaborted), unaborted)
    const ranges = await toArray(file.dataRanges(unaborted))
    expect(ranges.slice(0, 2)).toEqual([
      { offset: 0, length: 1024 },
      { offset: 3072, length: 1024 },
    ])
    expect(ranges.length).toBe(300)
    const part = new Uint8Array(20)
    await file.read(299 * 3072, part, unaborted)
    expect(Buffer.from(part).toString()).toBe('line of file 918528 ')
  })
})

describe('directories of NTFS', () => {
  it('lead to no node of a directory twice', async () => {
    const bytes = ntfsImage()
    const { inode = 0 } = (await (await open(bytes)).find('many', unaborted)).metadata
    const view = viewOf(bytes)
    const root = attributeAt(bytes, inode, 0x90)
    const [onlyBelow = 0n] = pointers(view, root + view.getUint16(root + 20, true) + 16).map(({ below }) => below)
    const top = clusterAt(bytes, attributeAt(bytes, inode, 0xa0), Number(onlyBelow))
    const [first, second] = pointers(view, top + 24)
    view.setBigUint64(second?.at ?? 0, first?.below ?? 0n, true)
    const filesystem = await open(bytes)
    const listed = toArray(filesystem.list(await filesystem.find('many', unaborted), unaborted))
    await expect(listed).rejects.toMatchObject({ code: 'damaged', inode })
  })
})

/** Byte at which the log begins. */
function contentAt(bytes: Uint8Array, inode: number): number {
  return clusterAt(bytes, attributeAt(bytes, inode, 0x80), 0)
}

/** Byte of the volume at which a cluster of an attribute lies. */
function clusterAt(bytes: Uint8Array, attribute: number, wanted: number): number {
  const view = viewOf(bytes)
  const length = view.getUint32(attribute + 4, true)
  const pairs = bytes.subarray(attribute + view.getUint16(attribute + 32, true), attribute + length)
  const endCluster = Number(view.getBigUint64(attribute + 24, true)) + 1
  for (const { start, count, cluster = 0 } of decodeRuns({ pairs, firstCluster: 0, endCluster }, 2 ** 20, {}))
    if (wanted >= start && wanted < start + count) return (cluster + wanted - start) * 1024
  throw new Error('the cluster is not there')
}

/** Where the entries of a node lead. */
function pointers(view: DataView, header: number): readonly { readonly at: number; readonly below: bigint }[] {
  const found: { readonly at: number; readonly below: bigint }[] = []
  for (let at = header + view.getUint32(header, true); ; at += view.getUint16(at + 8, true)) {
    const pointer = at + view.getUint16(at + 8, true) - 8
    const flags = view.getUint16(at + 12, true)
    if ((flags & 1) !== 0) found.push({ at: pointer, below: view.getBigUint64(pointer, true) })
    if ((flags & 2) !== 0) return found
  }
}

function restartPage(sequence: number, client: number, flags: number): Uint8Array {
  const page = new Uint8Array(4096)
  const view = viewOf(page)
  page.set(Buffer.from('RSTR'))
  view.setUint16(4, 30, true)
  view.setUint16(6, 9, true)
  view.setUint16(24, 64, true)
  view.setBigUint64(64, BigInt(sequence), true)
  view.setUint16(64 + 12, client, true)
  view.setUint16(64 + 14, flags, true)
  return page
}
