import { describe, expect, it } from 'vitest'
import { openFat } from '../src/fat/fat.js'
import type { Filesystem } from '../src/filesystem.js'
import { fatBuilder, longEntries, shortEntry } from './support/fat-builder.js'
import { memorySource, unaborted } from './support/memory-source.js'
import { toArray } from './support/to-array.js'

async function names(filesystem: Filesystem): Promise<readonly string[]> {
  return (await toArray(filesystem.list(filesystem.root, unaborted))).map(({ name }) => name)
}

async function namesOf(...entries: readonly Uint8Array[]): Promise<readonly string[]> {
  const volume = fatBuilder(100)
  volume.setRoot(...entries)
  return await names(await openFat(memorySource(volume.bytes), unaborted))
}

describe('names on FAT', () => {
  it.each([
    ['LETTER  TXT', 0, 'LETTER.TXT'],
    ['LETTER  TXT', 8, 'letter.TXT'],
    ['LETTER  TXT', 16, 'LETTER.txt'],
    ['LETTER  TXT', 24, 'letter.txt'],
    ['NOTYPE', 0, 'NOTYPE'],
    ['A B     C D', 0, 'A B.C D'],
    ['\x05BC', 0, 'σBC'],
    ['\x8eRGER   TXT', 0, 'ÄRGER.TXT'],
  ])('that are short: %j with flags %i', async (stored, flags, name) => {
    expect(await namesOf(shortEntry(stored, { flags }))).toEqual([name])
  })

  it('that are long stand before their short ones', async () => {
    const name = 'one two three four 🙂 ünï.text'
    expect(await namesOf(...longEntries(name, 'ONETWO~1TXT'), shortEntry('ONETWO~1TXT'))).toEqual([name])
    expect(await namesOf(...longEntries('thirteen long', 'THIRTE~1'), shortEntry('THIRTE~1'))).toEqual([
      'thirteen long',
    ])
  })

  it.each<readonly [string, readonly Uint8Array[]]>([
    ['of another file', longEntries('not its name', 'SHORT', 1)],
    ['without their end', longEntries('a name that has two parts', 'SHORT').slice(1)],
    ['without their beginning', longEntries('a name that has two parts', 'SHORT').slice(0, 1)],
    ['out of order', longEntries('a name that has two parts', 'SHORT').reverse()],
    ['parted by a deleted entry', [...longEntries('long', 'SHORT'), Uint8Array.of(0xe5, ...new Uint8Array(31))]],
  ])('that are long and %s are left out', async (_what, entries) => {
    expect(await namesOf(...entries, shortEntry('SHORT'))).toEqual(['SHORT'])
  })

  it('cannot lead out of their directory', async () => {
    const entries = ['../../etc/passwd', '..', '.', '/'].flatMap((name) => [
      ...longEntries(name, 'EVIL'),
      shortEntry('EVIL'),
    ])
    expect(await namesOf(...entries)).toEqual(['..\\x2F..\\x2Fetc\\x2Fpasswd', '\\x2F'])
  })

  it('are found without regard to case, by the short name too', async () => {
    const volume = fatBuilder(100)
    volume.setRoot(...longEntries('Straße nach Łódź', 'STRAAE~1'), shortEntry('STRAAE~1'), shortEntry('X'))
    const filesystem = await openFat(memorySource(volume.bytes), unaborted)
    for (const wanted of ['STRAßE NACH łódź', 'straae~1'])
      expect((await filesystem.find(wanted, unaborted)).path).toBe('/Straße nach Łódź')
    await expect(filesystem.find('STRASSE nach Łódź', unaborted)).rejects.toMatchObject({ code: 'not-found' })
    await expect(filesystem.find('x/y', unaborted)).rejects.toMatchObject({ code: 'not-a-directory' })
  })
})

it('a directory ends where it says, and what is deleted is not listed', async () => {
  const deleted = shortEntry('GONE')
  deleted[0] = 0xe5
  expect(await namesOf(shortEntry('ONE'), deleted, shortEntry('TWO'), new Uint8Array(32), shortEntry('AFTER'))).toEqual(
    ['ONE', 'TWO'],
  )
})

it('attributes and times are told, and dates that do not exist are left out', async () => {
  const volume = fatBuilder(100)
  const entry = shortEntry('FILE', { attributes: 0x27 })
  const view = new DataView(entry.buffer)
  entry[13] = 199
  view.setUint16(14, (23 << 11) | (59 << 5) | 29, true)
  view.setUint16(16, (44 << 9) | (2 << 5) | 29, true)
  view.setUint16(24, (0 << 9) | (13 << 5) | 1, true)
  view.setUint16(18, (1 << 9) | (1 << 5) | 1, true)
  volume.setRoot(entry, shortEntry('A LABEL', { attributes: 0x08 }))
  const filesystem = await openFat(memorySource(volume.bytes), unaborted)
  expect(filesystem.label).toBe('A LABEL')
  expect(await names(filesystem)).toEqual(['FILE'])
  expect((await filesystem.find('file', unaborted)).metadata).toEqual({
    attributes: ['read-only', 'hidden', 'system', 'archive'],
    createdAt: new Date('2024-02-29T23:59:59.990Z'),
    accessedAt: new Date('1981-01-01T00:00:00Z'),
  })
})

describe('a chain of clusters', () => {
  /** A file whose clusters lie one before the other: no two of them can be read at once. */
  async function backwards(clusters: number, damage: readonly [cluster: number, next: number] = [1, 0xfff_ffff]) {
    const volume = fatBuilder(clusters + 1)
    volume.setNext(3, 0xfff_fff8)
    for (let cluster = 4; cluster < clusters + 3; cluster++) volume.setNext(cluster, cluster - 1)
    for (let i = 0; i < clusters; i++)
      volume.bytes.fill(i % 251, volume.clusterAt(clusters + 2 - i), volume.clusterAt(clusters + 3 - i))
    volume.setRoot(shortEntry('FILE', { cluster: clusters + 2, sizeBytes: clusters * 512 }))
    volume.setNext(...damage)
    const source = memorySource(volume.bytes)
    const filesystem = await openFat(source, unaborted)
    return { source, file: await filesystem.open(await filesystem.find('FILE', unaborted), unaborted) }
  }
  const clusters = 200_000

  it('is read at any place, forwards and backwards', async () => {
    const { file } = await backwards(clusters)
    const into = new Uint8Array(1000)
    for (const cluster of [0, 199_990, 5, 100_000, 99_999, 64, 199_997]) {
      await file.read(cluster * 512 + 100, into, unaborted)
      const expected = Array.from(into, (_, i) => (cluster + Math.floor((100 + i) / 512)) % 251)
      expect([...into]).toEqual(expected)
    }
  })

  it('is read at every place of a short way, after its end was read', async () => {
    const { file } = await backwards(400)
    const into = new Uint8Array(512)
    await file.read(399 * 512, into, unaborted)
    for (let cluster = 0; cluster < 400; cluster++) {
      await file.read(cluster * 512, into, unaborted)
      expect(into.every((byte) => byte === cluster % 251)).toBe(true)
    }
  })

  it('is not followed from its start each time', async () => {
    const { file, source } = await backwards(clusters)
    const into = new Uint8Array(512)
    await file.read((clusters - 1) * 512, into, unaborted)
    const before = source.bytesRead()
    const began = performance.now()
    for (let i = 1; i < 500; i++) await file.read((clusters - i) * 512, into, unaborted)
    // From the start it would be 100 million steps.
    expect(performance.now() - began).toBeLessThan(5000)
    expect(source.bytesRead() - before).toBeLessThan(2 * 2 ** 20)
  })

  it('that ends early or leads out of the volume is refused', async () => {
    for (const next of [0xfff_ffff, 0, 1, 0xfff_fff7, 5000]) {
      const { file } = await backwards(20, [15, next])
      await expect(file.read(0, new Uint8Array(20 * 512), unaborted)).rejects.toMatchObject({ code: 'damaged' })
      await expect(toArray(file.dataRanges(unaborted))).rejects.toMatchObject({ code: 'damaged' })
      await file.read(0, new Uint8Array(5 * 512), unaborted)
    }
  })

  it('of a directory that is a circle is refused', async () => {
    const volume = fatBuilder(100)
    volume.setRoot(...Array.from({ length: 16 }, (_, i) => shortEntry(`F${i}`)))
    volume.setNext(2, 3)
    volume.setNext(3, 2)
    volume.bytes.set(shortEntry('LAST'), volume.clusterAt(3))
    volume.bytes.fill(0xe5, volume.clusterAt(3) + 32, volume.clusterAt(4))
    const filesystem = await openFat(memorySource(volume.bytes), unaborted).catch((error: unknown) => error)
    expect(filesystem).toMatchObject({ code: 'damaged', message: expect.stringContaining('circle') })
  })

  it('of a file that claims more than the volume has is refused at once', async () => {
    const volume = fatBuilder(100)
    volume.setRoot(shortEntry('FILE', { cluster: 3, sizeBytes: 101 * 512 }), shortEntry('NONE', { sizeBytes: 5 }))
    const filesystem = await openFat(memorySource(volume.bytes), unaborted)
    const file = await filesystem.find('FILE', unaborted)
    await expect(filesystem.open(file, unaborted)).rejects.toMatchObject({ code: 'damaged', path: '/FILE' })
    const none = await filesystem.open(await filesystem.find('NONE', unaborted), unaborted)
    await expect(none.read(0, new Uint8Array(5), unaborted)).rejects.toMatchObject({ code: 'damaged' })
  })
})

describe('a boot sector', () => {
  it.each([
    ['a version that is not known', 42, 1, 'unsupported'],
    ['more sectors than the volume has', 33, 0xff, 'damaged'],
    ['sectors of 3 bytes', 11, 3, 'damaged'],
    ['clusters of no sectors', 13, 0, 'damaged'],
    ['a table that fills the volume', 37, 0xff, 'damaged'],
  ] as const)('with %s is refused', async (_what, at, value, code) => {
    const { bytes } = fatBuilder(100)
    bytes[at] = value
    await expect(openFat(memorySource(bytes), unaborted)).rejects.toMatchObject({ code })
  })

  it('says which table is in use', async () => {
    const volume = fatBuilder(100)
    volume.bytes[40] = 0x81
    await expect(openFat(memorySource(volume.bytes), unaborted)).rejects.toMatchObject({ code: 'damaged' })
    volume.bytes[40] = 0x80
    expect(await names(await openFat(memorySource(volume.bytes), unaborted))).toEqual([])
  })

  it('and the table say how the volume was left', async () => {
    const volume = fatBuilder(100)
    volume.setNext(1, 0x3ff_ffff)
    const filesystem = await openFat(memorySource(volume.bytes), unaborted)
    expect(filesystem.notes).toEqual([
      expect.stringContaining('time zone'),
      expect.stringContaining('not unmounted cleanly'),
      expect.stringContaining('recorded errors'),
    ])
  })
})
