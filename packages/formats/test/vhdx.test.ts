import { describe, expect, it } from 'vitest'
import { isImageError } from '../src/image/image-error.js'
import { openImage } from '../src/image/open-image.js'
import { crc32c } from '../src/vhdx/crc32c.js'
import { vhdxCodec } from '../src/vhdx/index.js'
import { memoryFile } from './support/memory-file.js'
import { guidOf, sealVhdx, type VhdxSpec, vhdxImage } from './support/vhdx-image.js'
import { collect, openBytes, problemsOf } from './support/vhdx-open.js'

const mebibyte = 2 ** 20
const filled = (byte: number, length = mebibyte) => new Uint8Array(length).fill(byte)

describe('crc32c', () => {
  // RFC 3720, appendix B.4, and the check value of every CRC catalogue.
  it.each([
    ['123456789', Uint8Array.from('123456789', (digit) => digit.charCodeAt(0)), 0xe306_9283],
    ['zeros', filled(0, 32), 0x8a91_36aa],
    ['ones', filled(0xff, 32), 0x62a8_ab43],
    ['ascending', Uint8Array.from({ length: 32 }, (_, at) => at), 0x46dd_794e],
    ['descending', Uint8Array.from({ length: 32 }, (_, at) => 31 - at), 0x113f_db5c],
    ['nothing', new Uint8Array(0), 0],
  ])('of %s', (_name, bytes, crc) => {
    expect(crc32c(bytes)).toBe(crc)
  })
})

describe('what an image tells', () => {
  it('gives facts for people', async () => {
    await using image = await openBytes(
      vhdxImage({ diskBytes: 3 * mebibyte, flags: 1, sectorBytes: 4096, dataWriteId: guidOf(0xab) }).bytes,
    )
    expect(image.layers).toEqual([
      {
        file: 'disk.vhdx',
        format: 'vhdx',
        variant: 'fixed',
        sizeBytes: 3 * mebibyte,
        sectorBytes: 4096,
        fileBytes: 3 * mebibyte,
        identity: guidOf(0xab),
        bitmaps: [],
        details: {
          blockBytes: mebibyte,
          physicalSectorBytes: 4096,
          virtualDiskId: guidOf(0x1d),
          creator: 'vhdx vector',
          headerSequence: '2',
          fileWriteId: guidOf(0xf1),
          logBytes: 0,
          replayedLogEntries: 0,
        },
      },
    ])
  })

  it('recognises files by their signature, short ones too', async () => {
    const recognise = (bytes: Uint8Array) => vhdxCodec.recognise(memoryFile('file', bytes).named())
    expect(await recognise(vhdxImage({ diskBytes: 0 }).bytes)).toBe(true)
    expect(await recognise(Uint8Array.from('vhdxfile', (letter) => letter.charCodeAt(0)))).toBe(true)
    expect(await recognise(Uint8Array.from('vhdxfil', (letter) => letter.charCodeAt(0)))).toBe(false)
    expect(await recognise(filled(0))).toBe(false)
    expect(await recognise(new Uint8Array(0))).toBe(false)
  })

  it('keeps control characters of the creator from terminals', async () => {
    const { bytes } = vhdxImage({ diskBytes: mebibyte })
    bytes.set([0x1b, 0, 0x5b, 0], 8)
    await using image = await openBytes(bytes)
    expect(image.layers[0].details['creator']).toBe('[dx vector')
  })

  it('believes the header with the greater sequence number, wherever it is', async () => {
    const { bytes } = vhdxImage({ diskBytes: mebibyte })
    const view = new DataView(bytes.buffer)
    view.setBigUint64(64 * 1024 + 8, 2n ** 63n, true)
    bytes.fill(0xcc, 64 * 1024 + 32, 64 * 1024 + 48)
    sealVhdx(bytes)
    await using image = await openBytes(bytes)
    expect(image.layers[0].identity).toBe(guidOf(0xcc))
    expect(image.layers[0].details['headerSequence']).toBe('9223372036854775808')
  })

  it('believes the older header when the newer one is torn, and says so', async () => {
    const { bytes } = vhdxImage({ diskBytes: mebibyte })
    bytes.fill(0xcc, 128 * 1024 + 32, 128 * 1024 + 48)
    await using image = await openBytes(bytes)
    expect(image.layers[0].identity).toBe(guidOf(0xd1))
    expect(await problemsOf(bytes)).toEqual([
      { severity: 'note', message: 'The header at 131072 is damaged; the other one is used', offset: 131_072 },
    ])
  })

  it('takes either of two headers that are the same', async () => {
    const { bytes } = vhdxImage({ diskBytes: mebibyte })
    bytes.copyWithin(64 * 1024, 128 * 1024, 128 * 1024 + 4096)
    expect(await problemsOf(bytes)).toEqual([])
  })

  it.each([192, 256])('uses the other region table when the one at %i KiB is torn', async (kibibytes) => {
    const { bytes } = vhdxImage({ diskBytes: mebibyte })
    bytes.fill(0xcc, kibibytes * 1024 + 32, kibibytes * 1024 + 48)
    expect(await problemsOf(bytes)).toMatchObject([
      { severity: 'note', message: expect.stringContaining('region table'), offset: kibibytes * 1024 },
    ])
  })

  it('says where and in which file something is wrong, and what can be done', async () => {
    const { bytes, batAt } = vhdxImage({ diskBytes: 2 * mebibyte, blocks: [{ block: 1, state: 5 }] })
    await using image = await openBytes(bytes)
    const error = await image.read(mebibyte, new Uint8Array(1)).catch((reason: unknown) => reason)
    expect(isImageError(error) && error).toMatchObject({
      code: 'corrupt',
      message: 'block 1 is in the reserved state 5',
      file: 'disk.vhdx',
      offset: batAt + 8,
      hint: expect.stringContaining('good copy'),
    })
  })
})

describe('blocks', () => {
  const states = [0, 1, 2, 3, 6]
  const spec: VhdxSpec = {
    diskBytes: 6 * mebibyte,
    blocks: states.map((state, block) => ({ block, state, ...(state === 6 && { data: filled(9) }) })),
  }

  it('reads every state of a disk without parent', async () => {
    await using image = await openBytes(vhdxImage(spec).bytes)
    expect(await collect(image.extents())).toEqual([
      { offset: 0, length: mebibyte, kind: 'unallocated', depth: 1 },
      { offset: mebibyte, length: 3 * mebibyte, kind: 'zero', depth: 0 },
      { offset: 4 * mebibyte, length: mebibyte, kind: 'data', depth: 0 },
      { offset: 5 * mebibyte, length: mebibyte, kind: 'unallocated', depth: 1 },
    ])
  })

  it('asks the parent only for what is not present', async () => {
    const parent = vhdxImage({
      diskBytes: 6 * mebibyte,
      dataWriteId: guidOf(7),
      blocks: [0, 1, 2, 3, 4, 5].map((block) => ({ block, state: 6, data: filled(0x40 + block) })),
    })
    const child = vhdxImage({
      ...spec,
      flags: 2,
      locator: [
        ['parent_linkage', `{${guidOf(7)}}`],
        ['relative_path', 'p'],
      ],
      blocks: [...(spec.blocks ?? []), { block: 5, state: 7, data: filled(8), sectors: [0, 7, 8, 2047] }],
    })
    await using image = await openBytes(child.bytes, { p: parent.bytes })
    const at = async (offset: number) => {
      const byte = new Uint8Array(1)
      await image.read(offset, byte)
      return byte[0]
    }
    expect(await Promise.all([0, 1, 2, 3, 4].map((block) => at(block * mebibyte)))).toEqual([0x40, 0, 0, 0, 9])
    const sectors = [0, 1, 6, 7, 8, 9, 2046, 2047]
    expect(await Promise.all(sectors.map((sector) => at(5 * mebibyte + sector * 512)))).toEqual([
      8, 0x45, 0x45, 8, 8, 0x45, 0x45, 8,
    ])
  })

  it('finds sector bitmaps of any chunk, behind the blocks of it', async () => {
    const blockBytes = 256 * mebibyte
    const child = vhdxImage({
      diskBytes: 40 * blockBytes,
      blockBytes,
      flags: 2,
      locator: [
        ['parent_linkage', `{${guidOf(7)}}`],
        ['relative_path', 'p'],
      ],
      // A block's place must be whole within the file but for what lies past the end of the disk.
      blocks: [{ block: 39, state: 2 }],
    })
    const view = new DataView(child.bytes.buffer)
    // Sixteen blocks and a bitmap make a chunk of 4 GiB: block 39 is the 42nd entry.
    expect(view.getBigUint64(child.batAt + 41 * 8, true)).toBe(2n)
    const parent = vhdxImage({ diskBytes: 512, dataWriteId: guidOf(7) })
    await using image = await openBytes(child.bytes, { p: parent.bytes })
    const extents = await collect(image.extents())
    expect(extents.at(-1)).toEqual({ offset: 39 * blockBytes, length: blockBytes, kind: 'zero', depth: 0 })
  })

  it('reads a last block of which only the disk is in the file', async () => {
    const { bytes, placeOf } = vhdxImage({ diskBytes: 5120, blocks: [{ block: 0, state: 6, data: filled(3, 5120) }] })
    expect(bytes.byteLength).toBe(placeOf(0) + 5120)
    await using image = await openBytes(bytes)
    const read = new Uint8Array(5120)
    await image.read(0, read)
    expect(read).toEqual(filled(3, 5120))
    expect(await problemsOf(bytes)).toEqual([])
  })

  it('finds blocks past 4 GiB and 4 TiB of the file', async () => {
    const { bytes, batAt } = vhdxImage({ diskBytes: 2 * mebibyte })
    const view = new DataView(bytes.buffer)
    const places = [5 * 2 ** 30, 7 * 2 ** 40 + 3 * mebibyte]
    for (const [index, place] of places.entries()) view.setBigUint64(batAt + index * 8, BigInt(place) | 6n, true)
    const file = memoryFile('disk.vhdx', bytes)
    for (const [index, place] of places.entries()) {
      await file.resize(place + mebibyte)
      await file.write(place, filled(index + 1))
    }
    await using image = await openImage(file.named(), { codecs: [vhdxCodec] })
    const read = new Uint8Array(2 * mebibyte)
    await image.read(0, read)
    expect([read[0], read[mebibyte]]).toEqual([1, 2])
  })

  it('walks an empty disk of 64 TiB at once', async () => {
    const table = 2 ** 26 * 8 + 2 ** 14 * 8
    const batBytes = Math.ceil(table / mebibyte) * mebibyte
    const small = vhdxImage({ diskBytes: 64 * 2 ** 40 })
    const file = memoryFile('disk.vhdx', small.bytes)
    // The table goes behind everything else, where it has room.
    const patched = small.bytes.slice(0, mebibyte)
    const view = new DataView(patched.buffer)
    for (const place of [192 * 1024, 256 * 1024]) {
      view.setBigUint64(place + 32, BigInt(8 * mebibyte), true)
      view.setUint32(place + 40, batBytes, true)
    }
    sealVhdx(patched)
    await file.write(0, patched)
    await file.resize(8 * mebibyte + batBytes)
    await using image = await openImage(file.named(), { codecs: [vhdxCodec] })
    const started = performance.now()
    expect(await collect(image.extents())).toHaveLength(1)
    expect(performance.now() - started).toBeLessThan(5000)
    expect(file.reads()).toBeLessThan(20_000)
  })
})

describe('parents', () => {
  const parent = vhdxImage({
    diskBytes: mebibyte,
    dataWriteId: guidOf(7),
    blocks: [{ block: 0, state: 6, data: filled(5) }],
  })
  const child = (...pairs: readonly (readonly [string, string])[]) =>
    vhdxImage({ diskBytes: mebibyte, flags: 2, locator: [['parent_linkage', `{${guidOf(7)}}`], ...pairs] }).bytes

  it('tries paths in the order of the specification, as they are', async () => {
    const bytes = child(
      ['absolute_win32_path', '\\\\?\\d:\\Größe\\親.vhdx'],
      ['volume_path', '\\\\?\\Volume{26A21BDA-A627-11D7-9931-806E6F6E6963}\\💾.vhdx'],
      ['relative_path', '..\\..\\path2\\parent.vhdx'],
      ['something_else', 'ignored'],
    )
    await using image = await openBytes(bytes, { '\\\\?\\d:\\Größe\\親.vhdx': parent.bytes })
    expect(image.asked).toEqual([
      '..\\..\\path2\\parent.vhdx',
      '\\\\?\\Volume{26A21BDA-A627-11D7-9931-806E6F6E6963}\\💾.vhdx',
      '\\\\?\\d:\\Größe\\親.vhdx',
    ])
    expect(image.layers.map(({ variant }) => variant)).toEqual(['differencing', 'dynamic'])
  })

  it('takes a linkage in capitals, and keeps the second one to be seen', async () => {
    const { bytes } = vhdxImage({
      diskBytes: mebibyte,
      flags: 2,
      locator: [
        ['parent_linkage', '{AABBCCDD-EEFF-0011-2233-445566778899}'],
        ['parent_linkage2', `{${guidOf(8)}}`],
        ['relative_path', 'p'],
      ],
    })
    const other = vhdxImage({ diskBytes: mebibyte, dataWriteId: 'aabbccdd-eeff-0011-2233-445566778899' })
    await using image = await openBytes(bytes, { p: other.bytes })
    expect(image.layers[0].details['parentLinkage2']).toBe(guidOf(8))
  })

  it('refuses a parent that was written to since', async () => {
    const changed = vhdxImage({ diskBytes: mebibyte, dataWriteId: guidOf(8) }).bytes
    await expect(openBytes(child(['relative_path', 'p']), { p: changed })).rejects.toMatchObject({
      code: 'parent-mismatch',
      file: 'p',
    })
  })

  it('says which parent is missing', async () => {
    await expect(openBytes(child(['relative_path', '.\\p.vhdx']))).rejects.toMatchObject({
      code: 'missing-file',
      message: expect.stringContaining('.\\p.vhdx'),
    })
  })

  it('refuses a parent that is no VHDX file', async () => {
    await expect(openBytes(child(['relative_path', 'p']), { p: filled(0) })).rejects.toMatchObject({
      code: 'unknown-format',
    })
  })

  it('ignores a locator of a disk that has no parent', async () => {
    const { bytes } = vhdxImage({ diskBytes: mebibyte, locator: [['parent_linkage', 'x']] })
    await using image = await openBytes(bytes)
    expect(image.layers).toHaveLength(1)
  })
})
