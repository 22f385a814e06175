import { describe, expect, it } from 'vitest'
import { openImage } from '../src/image/open-image.js'
import { createVmdk, vmdkCodec } from '../src/vmdk/index.js'
import { memoryFile } from './support/memory-file.js'
import { encodeCowd } from './support/vmdk-cowd.js'
import { descriptorText } from './support/vmdk-descriptor.js'
import {
  bytesFrom,
  bytesOf,
  expectRefused,
  failureOf,
  oneFile,
  openFiles,
  smallDisk,
  testDisk,
  vmdkFiles,
} from './support/vmdk-memory.js'
import { encodeSeSparse } from './support/vmdk-se-sparse.js'

const grain = 65_536
const sectors = testDisk.byteLength / 512
const flat = (lines: readonly string[], further = {}) => descriptorText('custom', lines, further)

describe('recognising', () => {
  it.each([
    ['a descriptor', descriptorText('vmfs', ['RW 1 VMFS "x"']), true],
    ['a descriptor with CRLF and comments', '# a\r\n\r\n  # b\r\nversion=1\r\n', true],
    ['a descriptor with a byte order mark', '\ufeff# Disk DescriptorFile\nversion=3\n', true],
    ['a hosted extent', 'KDMV', true],
    ['a COWD extent', 'COWD', true],
    ['an INI file', '# x\nname=1\nversion=1\n', false],
    ['text', 'version 1', false],
    ['nothing', '', false],
    ['three bytes', 'KDM', false],
    ['zeros', '\0\0\0\0\0\0\0\0', false],
  ])('%s', async (_name, content, expected) => {
    expect(await vmdkCodec.recognise(memoryFile('x', bytesOf(content)).named())).toBe(expected)
  })
})

describe('extents', () => {
  it('puts flat, zero and sparse ones in a row, some in one file', async () => {
    const data = smallDisk(4 * grain).subarray(grain)
    const text = flat(['RW 2 FLAT "f" 3', 'RW 5 ZERO', 'RDONLY 128 FLAT "f" 0', 'NOACCESS 1 ZERO', 'rw 1 vmfs f'])
    const bytes = await bytesFrom({ disk: text, f: data })
    const expected = new Uint8Array(137 * 512)
    expected.set(data.subarray(3 * 512, 5 * 512), 0)
    expected.set(data.subarray(0, grain), 7 * 512)
    expected.set(data.subarray(0, 512), 136 * 512)
    expect(Buffer.compare(bytes, expected)).toBe(0)
  })

  it('reads a compressed extent that is not the first', async () => {
    const files = {
      disk: flat(['RW 129 ZERO', `RW ${sectors} SPARSE "s"`]),
      s: await oneFile({ kind: 'streamOptimized' }),
    }
    const bytes = await bytesFrom(files)
    expect(Buffer.compare(bytes.subarray(129 * 512), testDisk)).toBe(0)
    await using image = await openFiles(files)
    const part = new Uint8Array(100)
    await image.read(129 * 512 + 65_536 + 777, part)
    expect(Buffer.compare(part, testDisk.subarray(65_536 + 777, 65_536 + 877))).toBe(0)
  })

  it('tells holes of a flat file from data', async () => {
    const file = memoryFile('f', new Uint8Array(8192)).named()
    const source = {
      ...file.source,
      sizeBytes: 8192,
      dataRanges: async function* () {
        yield { offset: 4096, length: 1024 }
      },
    }
    const disk = memoryFile('disk', bytesOf(flat(['RW 8 FLAT "f" 4']))).named()
    await using image = await openImage(disk, { codecs: [vmdkCodec], open: async () => ({ ...file, source }) })
    const kinds = []
    for await (const { kind, offset, length } of image.extents()) kinds.push([kind, offset, length])
    expect(kinds).toEqual([
      ['zero', 0, 2048],
      ['data', 2048, 1024],
      ['zero', 3072, 1024],
    ])
  })

  it('looks for a file by its base name where its folder is of another machine', async () => {
    const text = flat(['RW 1 FLAT "C:\\VMs\\my disk-flat.vmdk" 0', 'RW 1 VMFS "/vmfs/volumes/ds/b-flat.vmdk"'])
    const files = {
      disk: text,
      'my disk-flat.vmdk': new Uint8Array(512).fill(1),
      'b-flat.vmdk': new Uint8Array(512).fill(2),
    }
    expect((await bytesFrom(files))[512]).toBe(2)
  })

  it('says which extent is missing', async () => {
    const failure = await failureOf({
      disk: flat(['RW 1 FLAT "here" 0', 'RW 1 FLAT "gone-f002.vmdk" 0']),
      here: new Uint8Array(512),
    })
    expect(failure).toMatchObject({ code: 'missing-file', message: /gone-f002\.vmdk of disk/, hint: /beside/ })
  })

  it('refuses a flat file that is too short, under its name', () =>
    expectRefused(
      { disk: flat(['RW 2 FLAT "f" 1']), f: new Uint8Array(1024) },
      'corrupt',
      /the extent at 512, 1024 bytes/,
      'f',
    ))

  it('refuses one sparse file as two extents, and a file that is none', async () => {
    const files = await vmdkFiles(testDisk, { kind: 'twoGbMaxExtentSparse' })
    const line = `RW ${sectors} SPARSE "disk-s001.vmdk"`
    await expectRefused({ ...files, disk: flat([line, line]) }, 'corrupt', /two extents in disk-s001/)
    await expectRefused(
      { disk: flat(['RW 1 SPARSE "f"']), f: new Uint8Array(512) },
      'corrupt',
      /neither KDMV nor COWD/,
      'f',
    )
  })

  it('closes all files when one of them cannot be opened', async () => {
    const closed: string[] = []
    const open = async (name: string) =>
      name === 'b'
        ? undefined
        : { ...memoryFile(name, new Uint8Array(512)).named(), close: async () => void closed.push(name) }
    const text = bytesOf(flat(['RW 1 FLAT "a" 0', 'RW 1 FLAT "b" 0']))
    const layer = vmdkCodec.open(memoryFile('disk', text).named(), open)
    await expect(layer).rejects.toMatchObject({ code: 'missing-file' })
    expect(closed).toEqual(['a'])
  })

  it.each([
    [
      'an extent of a split disk',
      async () => (await vmdkFiles(testDisk, { kind: 'twoGbMaxExtentSparse' }))['disk-s001.vmdk'],
    ],
    ['a COWD extent', async () => encodeCowd(testDisk)],
    ['a seSparse extent', async () => encodeSeSparse(testDisk)],
  ])('refuses %s on its own, and points at the descriptor', async (_name, make) => {
    const failure = await failureOf({ disk: (await make()) ?? '' })
    expect(failure).toMatchObject({ code: 'unsupported', message: /one extent of a disk/, hint: /Open the descriptor/ })
  })

  it('refuses what is no VMDK at all', () => expectRefused({ disk: 'MZ..' }, 'corrupt', /no VMDK/))
})

describe('parents', () => {
  it.each([
    ['base.vmdk', ['base.vmdk']],
    ['C:\\Virtual Machines\\Wörk\\base.vmdk', ['C:\\Virtual Machines\\Wörk\\base.vmdk', 'base.vmdk']],
    ['/vmfs/volumes/4f0-11/vm/base-000001.vmdk', ['/vmfs/volumes/4f0-11/vm/base-000001.vmdk', 'base-000001.vmdk']],
    ['../硬盘/base.vmdk', ['../硬盘/base.vmdk', 'base.vmdk']],
  ])('%s', async (hint, names) => {
    const text = flat(['RW 1 ZERO'], { parentCid: 'DEADBEEF', lines: [`parentFileNameHint="${hint}"`] })
    const layer = await vmdkCodec.open(memoryFile('disk', bytesOf(text)).named(), async () => undefined)
    expect(layer.parent).toEqual({ names, format: 'vmdk', identity: 'deadbeef' })
  })

  it('has none when parentCID is ffffffff, whatever the hint says', async () => {
    const text = flat(['RW 1 ZERO'], { lines: ['parentFileNameHint="gone.vmdk"'] })
    const layer = await vmdkCodec.open(memoryFile('disk', bytesOf(text)).named(), async () => undefined)
    expect(layer.parent).toBeUndefined()
  })

  it('a child states id and name of its parent, and shows it where nothing was written', async () => {
    const base = await oneFile({ cid: '0000abcd' })
    await using image = await openFiles({ disk: base })
    const store = memoryFile('child')
    const writer = await createVmdk(store, {
      sizeBytes: testDisk.byteLength,
      name: 'child.vmdk',
      parent: { fileNameHint: 'sub dir/bäse.vmdk', image },
    })
    await writer.write(grain + 1000, Buffer.from('new'))
    await writer.zero(5 * grain, grain)
    await writer.close()
    const expected = testDisk.slice()
    expected.set(Buffer.from('new'), grain + 1000)
    expected.fill(0, 5 * grain, 6 * grain)
    expect(Buffer.compare(await bytesFrom({ disk: store.bytes(), 'bäse.vmdk': base }), expected)).toBe(0)
    const other = await oneFile({ cid: '0000abce' })
    await expectRefused({ disk: store.bytes(), 'bäse.vmdk': other }, 'parent-mismatch', /0000abcd/, 'bäse.vmdk')
  })
})
