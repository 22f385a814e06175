import { Buffer } from 'node:buffer'
import { describe, expect, it } from 'vitest'
import type { FileOpener } from '../src/bytes/byte-source.js'
import type { DiskImage } from '../src/image/disk-image.js'
import { openImage } from '../src/image/open-image.js'
import { vhdCodec } from '../src/vhd/index.js'
import { memoryFile } from './support/memory-file.js'
import { type EncodedLocator, type EncodedVhd, encodeVhd, sealVhd } from './support/vhd-encoder.js'

const parentId = '11111111-2222-4333-8444-555555555555'
const filled = (length: number, value: number) => new Uint8Array(length).fill(value)
const utf16 = (text: string) => Buffer.from(text, 'utf16le')

async function openBytes(bytes: Uint8Array, open?: FileOpener): Promise<DiskImage> {
  return openImage(memoryFile('disk.vhd', bytes).named(), { codecs: [vhdCodec], ...(open && { open }) })
}

async function readAll(image: DiskImage): Promise<Uint8Array> {
  const into = new Uint8Array(image.sizeBytes)
  await image.read(0, into)
  return into
}

async function problemsOf(image: DiskImage): Promise<readonly string[]> {
  const found: string[] = []
  for await (const { severity, message } of image.problems()) found.push(`${severity}: ${message}`)
  return found
}

describe('vhd: footer', () => {
  it('tells what it says', async () => {
    const { bytes } = encodeVhd({
      sizeBytes: 8192,
      data: filled(8192, 1),
      features: 3,
      savedState: 1,
      geometry: [2, 4, 17],
      timestamp: 852_076_800,
    })
    await using image = await openBytes(bytes)
    expect(image.layers[0]).toMatchObject({
      format: 'vhd',
      variant: 'fixed',
      sizeBytes: 8192,
      sectorBytes: 512,
      identity: 'aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee',
      details: {
        createdAt: '2027-01-01T00:00:00.000Z',
        creatorApplication: 'win ',
        creatorVersion: '6.1',
        creatorHostOs: 'Wi2k',
        originalSizeBytes: 8192,
        currentSizeBytes: 8192,
        geometry: '2/4/17',
        isTemporary: true,
        hasSavedState: true,
        footer: 'end',
      },
    })
    expect(await problemsOf(image)).toEqual([expect.stringMatching(/^note: A virtual machine was saved/)])
  })

  it.each([
    ['vpc ', [10, 4, 17], 10 * 4 * 17 * 512],
    ['vs  ', [10, 4, 17], 10 * 4 * 17 * 512],
    ['qemu', [10, 4, 17], 10 * 4 * 17 * 512],
    ['qemu', [0, 0, 0], 400_384],
    // Old versions of qemu rounded the geometry of a fixed disk up, but not its file.
    ['qemu', [12, 4, 17], 400_384],
    ['qemu', [65_535, 16, 255], 400_384],
    ['win ', [10, 4, 17], 400_384],
    ['qem2', [10, 4, 17], 400_384],
    ['d2v ', [10, 4, 17], 400_384],
    ['tap\0', [10, 4, 17], 400_384],
    ['CTXS', [10, 4, 17], 400_384],
    ['wa\0\0', [10, 4, 17], 400_384],
    ['vbox', [10, 4, 17], 400_384],
  ] as const)('takes the size that %j means, with a geometry of %j: %i', async (creator, geometry, size) => {
    const options: EncodedVhd = { sizeBytes: 400_384, creator, geometry }
    for (const { bytes } of [encodeVhd(options), encodeVhd({ ...options, data: filled(400_384, 1) })]) {
      await using image = await openBytes(bytes)
      expect(image.sizeBytes).toBe(size)
      expect(image.layers[0].details).toMatchObject({ currentSizeBytes: 400_384 })
      const problems = await problemsOf(image)
      if (size === 400_384) expect(problems).toEqual([])
      else
        expect(problems).toEqual([expect.stringMatching(/^note: The disk is 348160 bytes by its geometry.*400384\.$/)])
    }
  })

  it('takes the size of a disk that is larger than any geometry', async () => {
    const options: EncodedVhd = {
      sizeBytes: 200 * 2 ** 30,
      creator: 'vpc ',
      geometry: [65_535, 16, 255],
      blockBytes: 2 ** 30,
    }
    await using image = await openBytes(encodeVhd(options).bytes)
    expect(image.sizeBytes).toBe(200 * 2 ** 30)
  })

  it('of 511 bytes, as Virtual PC before 2004 wrote it', async () => {
    const data = filled(4096, 7)
    await using image = await openBytes(encodeVhd({ sizeBytes: 4096, data, footerBytes: 511 }).bytes)
    expect(await readAll(image)).toEqual(data)
    expect(await problemsOf(image)).toEqual([])
    const blocks = [{ index: 0, data }]
    await using dynamic = await openBytes(encodeVhd({ sizeBytes: 4096, blocks, footerBytes: 511 }).bytes)
    expect(await readAll(dynamic)).toEqual(data)
    expect(await problemsOf(dynamic)).toEqual([])
  })

  it('at the end decides: a guest can write an image to the start of its disk', async () => {
    const planted = encodeVhd({ sizeBytes: 4096, blocks: [{ index: 0, data: filled(4096, 1) }] }).bytes
    const data = new Uint8Array(16_384)
    data.set(planted)
    await using image = await openBytes(encodeVhd({ sizeBytes: data.byteLength, data }).bytes)
    expect(image.layers[0].variant).toBe('fixed')
    expect(await readAll(image)).toEqual(data)
  })

  const dynamic = encodeVhd({ sizeBytes: 8192, blocks: [{ index: 1, data: filled(4096, 5) }] })
  const content = Buffer.concat([new Uint8Array(4096), filled(4096, 5)])

  it.each([
    ['overwritten', dynamic.bytes.map((byte, at) => (at >= dynamic.footerAt ? 0 : byte)), 'has no cookie'],
    ['altered', dynamic.bytes.map((byte, at) => (at === dynamic.footerAt + 30 ? 0 : byte)), 'has the checksum'],
    ['cut off', dynamic.bytes.subarray(0, dynamic.footerAt), 'has no cookie'],
    ['not at the end', Buffer.concat([dynamic.bytes, Buffer.alloc(700)]), 'has no cookie'],
  ])('at the end is %s: its copy at the start serves', async (_what, bytes, message) => {
    await using image = await openBytes(bytes)
    expect(image.layers[0].details).toMatchObject({ footer: 'start' })
    expect(Buffer.compare(await readAll(image), content)).toBe(0)
    expect(await problemsOf(image)).toEqual([
      expect.stringContaining(`corrupt: The footer at the end of the file ${message}`),
    ])
  })

  it('at the start is damaged: the one at the end serves', async () => {
    await using image = await openBytes(dynamic.bytes.map((byte, at) => (at < 100 ? 0 : byte)))
    expect(image.layers[0].details).toMatchObject({ footer: 'end' })
    expect(Buffer.compare(await readAll(image), content)).toBe(0)
    expect(await problemsOf(image)).toEqual([
      expect.stringMatching(/^note: The copy of the footer at the start .* no cookie/),
    ])
  })

  it('at the start differs: the one at the end serves', async () => {
    const bytes = dynamic.bytes.slice()
    bytes[54] = 0
    sealVhd(bytes)
    await using image = await openBytes(bytes)
    expect(image.sizeBytes).toBe(8192)
    expect(await problemsOf(image)).toEqual([expect.stringMatching(/^corrupt: The footer differs from its copy/)])
  })

  it('is looked for where it may be, and nowhere else', async () => {
    const recognised = (bytes: Uint8Array) => vhdCodec.recognise(memoryFile('disk', bytes).named())
    const fixed = encodeVhd({ sizeBytes: 4096, data: filled(4096, 1) }).bytes
    const legacy = encodeVhd({ sizeBytes: 4096, data: filled(4096, 1), footerBytes: 511 }).bytes
    for (const bytes of [fixed, legacy, dynamic.bytes, dynamic.bytes.subarray(0, 4096)])
      expect(await recognised(bytes)).toBe(true)
    for (const bytes of [
      new Uint8Array(),
      filled(8192, 0),
      Buffer.from('conectix'),
      Buffer.concat([filled(512, 0), fixed, filled(512, 0)]),
    ])
      expect(await recognised(bytes)).toBe(false)
  })

  it('errors say what is wrong, and where', async () => {
    const bytes = encodeVhd({ sizeBytes: 8192, data: filled(4096, 1) }).bytes
    const layer = vhdCodec.open(memoryFile('disk.vhd', bytes).named(), async () => undefined)
    await expect(layer).rejects.toMatchObject({
      code: 'corrupt',
      file: 'disk.vhd',
      message: 'its footer claims a disk of 8192 bytes, but only 4096 come before it',
      hint: expect.stringMatching(/good copy/),
    })
  })
})

describe('vhd: disks', () => {
  it('fixed: holes of the file are holes of the disk', async () => {
    const file = memoryFile('disk.vhd', encodeVhd({ sizeBytes: 65_536, data: new Uint8Array(65_536) }).bytes)
    const source = {
      ...file,
      sizeBytes: file.sizeBytes,
      dataRanges: async function* () {
        yield { offset: 4096, length: 8192 }
      },
    }
    await using image = await openImage({ ...file.named(), source }, { codecs: [vhdCodec] })
    const kinds = []
    for await (const { kind, offset } of image.extents({ offset: 0, length: 65_536 })) kinds.push([kind, offset])
    expect(kinds).toEqual([
      ['unallocated', 0],
      ['data', 4096],
      ['unallocated', 12_288],
    ])
  })

  it('dynamic: what is stored counts, even where a bitmap says that it was never written', async () => {
    const { bytes } = encodeVhd({
      sizeBytes: 10_240,
      blocks: [
        { index: 0, sectors: [0, 1, 2], data: filled(4096, 3) },
        { index: 2, sectors: [], data: filled(2048, 4) },
      ],
    })
    await using image = await openBytes(bytes)
    expect(
      Buffer.compare(await readAll(image), Buffer.concat([filled(4096, 3), filled(4096, 0), filled(2048, 4)])),
    ).toBe(0)
    expect(await problemsOf(image)).toEqual([expect.stringMatching(/^note: 9 sectors .* never written/)])
  })

  it('differencing: bits decide sector by sector between child and parent', async () => {
    const parent = encodeVhd({
      sizeBytes: 12_288,
      uniqueId: parentId,
      blocks: [{ index: 0, data: filled(4096, 1) }],
    }).bytes
    const { bytes } = encodeVhd({
      sizeBytes: 12_288,
      parent: { uniqueId: parentId, name: 'base.vhd' },
      blocks: [
        { index: 0, sectors: [1, 2, 6], data: filled(4096, 2) },
        { index: 1, sectors: [], data: filled(4096, 2) },
      ],
    })
    await using image = await openBytes(bytes, async (name) => memoryFile(name, parent).named())
    const expected = new Uint8Array(12_288).fill(1, 0, 4096)
    for (const sector of [1, 2, 6]) expected.fill(2, sector * 512, sector * 512 + 512)
    expect(await readAll(image)).toEqual(expected)
    const extents = []
    for await (const { kind, offset, length, depth } of image.extents({ offset: 700, length: 5000 }))
      extents.push([kind, offset, length, depth])
    expect(extents).toEqual([
      ['data', 700, 836, 0],
      ['data', 1536, 1536, 1],
      ['data', 3072, 512, 0],
      ['data', 3584, 512, 1],
      ['unallocated', 4096, 1604, 2],
    ])
    expect(await problemsOf(image)).toEqual([])
  })

  it('differencing: no disk without its parent', async () => {
    const { bytes } = encodeVhd({ sizeBytes: 4096, parent: { uniqueId: parentId, name: 'base.vhd' } })
    await expect(openBytes(bytes)).rejects.toMatchObject({
      code: 'missing-file',
      message: expect.stringMatching(/base\.vhd/),
    })
  })
})

describe('vhd: names of a parent', () => {
  async function parentOf(locators: readonly EncodedLocator[], name = '') {
    const { bytes } = encodeVhd({
      sizeBytes: 4096,
      parent: { uniqueId: parentId, timestamp: 852_076_800, name, locators },
    })
    const layer = await vhdCodec.open(memoryFile('disk.vhd', bytes).named(), async () => undefined)
    const problems: string[] = []
    for await (const { severity, message } of layer.problems()) problems.push(`${severity}: ${message}`)
    return { ...layer.parent, details: layer.details, problems }
  }

  it('come from every locator and the header, the best first', async () => {
    const parent = await parentOf(
      [
        { platform: 'Wi2k', data: Buffer.from('C:\\base.vhd', 'latin1') },
        { platform: 'Wi2r', data: Buffer.from('..\\Gerät.vhd\0junk', 'latin1') },
        { platform: 'Mac ', data: Buffer.from('an alias, as a blob') },
        { platform: 'MacX', data: Buffer.from('file://localhost/My%20Disks/base.vhd') },
        { platform: 'W2ku', data: utf16('D:\\VMs\\основа.vhd') },
        { platform: 'W2ru', data: utf16('.\\..\\основа 💾.vhd\0') },
      ],
      'основа.vhd',
    )
    expect(parent).toMatchObject({
      format: 'vhd',
      identity: parentId,
      names: [
        '.\\..\\основа 💾.vhd',
        'основа.vhd',
        'D:\\VMs\\основа.vhd',
        '/My Disks/base.vhd',
        '/My%20Disks/base.vhd',
        '..\\Gerät.vhd',
        'C:\\base.vhd',
      ],
      details: { parentName: 'основа.vhd', parentId, parentModifiedAt: '2027-01-01T00:00:00.000Z' },
      problems: [],
    })
  })

  it('of XenServer are paths behind "file://", not always encoded', async () => {
    const locators = [{ platform: 'MacX', data: Buffer.from('file://./100%.vhd') }]
    expect((await parentOf(locators)).names).toEqual(['./100%.vhd'])
  })

  it('are given once each', async () => {
    const locators = ['W2ru', 'W2ku', 'W2ru'].map((platform) => ({ platform, data: utf16('base.vhd') }))
    expect((await parentOf(locators, 'base.vhd')).names).toEqual(['base.vhd'])
  })

  it('that lie outside the file, or are longer than any path, are left out and told of', async () => {
    const { bytes } = encodeVhd({
      sizeBytes: 4096,
      parent: {
        uniqueId: parentId,
        name: 'base.vhd',
        locators: ['W2ru', 'W2ku'].map((platform) => ({ platform, data: utf16('x.vhd') })),
      },
    })
    const header = Buffer.from(bytes)
    header.writeBigUInt64BE(2n ** 63n, 512 + 576 + 16)
    header.writeUInt32BE(65_538, 512 + 576 + 24 + 8)
    sealVhd(header)
    const layer = await vhdCodec.open(memoryFile('disk.vhd', header).named(), async () => undefined)
    expect(layer.parent?.names).toEqual(['base.vhd'])
    const problems = []
    for await (const { severity, message } of layer.problems()) problems.push(`${severity}: ${message}`)
    expect(problems).toEqual([
      'note: The parent locator W2ru at 9223372036854775808, 10 bytes long, is not within the file.',
      'note: The parent locator W2ku at 2560, 65538 bytes long, is not within the file.',
    ])
  })
})

describe('vhd: check', () => {
  const block = (index: number) => ({ index, data: filled(4096, index + 1) })
  const unit = 4096 + 512

  it('finds nothing wrong where nothing is, wherever the table is', async () => {
    for (const isTableLast of [false, true]) {
      const { bytes } = encodeVhd({ sizeBytes: 2 ** 20, isTableLast, blocks: [200, 3, 17].map(block) })
      await using image = await openBytes(bytes)
      expect(await problemsOf(image)).toEqual([])
    }
  })

  async function checkAltered(options: Partial<EncodedVhd>, alter: (table: DataView, bytes: Uint8Array) => void) {
    const image = encodeVhd({ sizeBytes: 65_536, blocks: [0, 1, 2].map(block), ...options })
    alter(new DataView(image.bytes.buffer, image.tableAt), image.bytes)
    await using opened = await openBytes(image.bytes)
    return problemsOf(opened)
  }

  it('two blocks at one place', async () => {
    const found = await checkAltered({}, (table) => table.setUint32(4, table.getUint32(0)))
    expect(found).toEqual([
      'corrupt: Block 1 shares its place in the file with another block.',
      'leak: The file has room for 1 blocks that its table does not refer to.',
    ])
  })

  it('blocks that overlap', async () => {
    const [found] = await checkAltered({}, (table) => table.setUint32(4, table.getUint32(4) + 3))
    expect(found).toBe('corrupt: A block overlaps the one before it by 1536 bytes.')
  })

  it('blocks on headers and past the end', async () => {
    const found = await checkAltered({}, (table) => {
      table.setUint32(0, 1)
      table.setUint32(4, 1000)
    })
    expect(found).toEqual([
      'corrupt: In the table, block 0 is at 512, on the header.',
      expect.stringMatching(/^corrupt: In the table, block 1 is at 512000 to 516608, but the data ends at \d+\.$/),
      'leak: The file has room for 2 blocks that its table does not refer to.',
    ])
  })

  it('blocks that nothing refers to', async () => {
    const found = await checkAltered({}, (table) => table.setUint32(4, 0xffff_ffff))
    expect(found).toEqual(['leak: The file has room for 1 blocks that its table does not refer to.'])
  })

  it('blocks behind the end of the disk', async () => {
    const found = await checkAltered({ sizeBytes: 8192, tableEntries: 16 }, () => {})
    expect(found).toEqual(['leak: Block 2 lies behind the end of the disk.'])
  })

  it('a last block that ends with the disk is whole', async () => {
    const image = encodeVhd({ sizeBytes: 5 * 512, blocks: [{ index: 0, data: filled(5 * 512, 1) }] })
    const footer = image.bytes.subarray(image.footerAt)
    await using opened = await openBytes(Buffer.concat([image.bytes.subarray(0, image.footerAt - 3 * 512), footer]))
    expect(await readAll(opened)).toEqual(filled(5 * 512, 1))
    expect(await problemsOf(opened)).toEqual([])
    expect(image.footerAt - 2048).toBe(unit)
  })
})
