import { createHash } from 'node:crypto'
import { closeSync, mkdirSync, openSync, rmSync, symlinkSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { run } from 'holdfast-lab'
import { beforeAll, expect, it } from 'vitest'
import type { Filesystem } from '../src/filesystem.js'
import { openNtfs } from '../src/ntfs/ntfs.js'
import { memorySource, unaborted } from './support/memory-source.js'
import { describeNtfs, type MadeNtfs, makeNtfs, setNtfs } from './support/ntfs-images.js'
import { lines, noise, writeParts } from './support/ntfs-tree.js'
import { toArray } from './support/to-array.js'
import { digestOf, walkAll } from './support/walk-files.js'

const mebibyte = 2 ** 20
const unitBytes = 65_536
const tags = {
  mountPoint: 0xa000_0003,
  symlink: 0xa000_000c,
  deduplicated: 0x8000_0013,
  compactOs: 0x8000_0017,
  socket: 0x8000_0023,
  unknown: 0x9000_001a,
  surrogate: 0xa000_1234,
}

describeNtfs('NTFS compressed', () => {
  let made: MadeNtfs
  let filesystem: Filesystem

  beforeAll(async () => {
    made = makeNtfs({
      sizeBytes: 48 * mebibyte,
      mkntfs: ['-c', '4096'],
      mount: 'compression',
      fill: (root) => {
        mkdirSync(join(root, 'packed'))
        setNtfs(join(root, 'packed'), 'ntfs_attrib_be', Uint8Array.of(0, 0, 8, 0))
        const inside = (name: string) => join(root, 'packed', name)
        for (const length of [10, 4095, 4097, 65_535, 65_536, 65_537, 1_000_000]) {
          writeFileSync(inside(`lines ${length}`), lines(length, length))
          writeFileSync(inside(`noise ${length}`), noise(length, length))
        }
        writeFileSync(inside('zeros'), new Uint8Array(300_000))
        writeFileSync(
          inside('mixed'),
          Buffer.concat([lines(1, 100_000), noise(2, 200_000), new Uint8Array(200_000), lines(3, 50_000)]),
        )
        const file = openSync(inside('holes'), 'w')
        for (const at of [0, 5 * unitBytes + 100, 40 * unitBytes]) writeSync(file, lines(at, 9000), 0, 9000, at)
        closeSync(file)
        for (let index = 0; index < 40; index++) writeFileSync(inside(`many ${index}`), lines(index, index * 5000))
      },
    })
    filesystem = await openNtfs(memorySource(made.bytes), unaborted)
  }, 60_000)

  it('reads every file as ntfs-3g does, whatever the parts', async () => {
    const found = await walkAll(filesystem, unaborted)
    expect(found.size).toBe(made.seen.size)
    for (const [path, { sha256 }] of made.seen) {
      if (sha256 === undefined) continue
      const file = await filesystem.open(found.get(path)!, unaborted)
      for (const part of [unitBytes / 4 + 1, 1_000_000])
        expect(await digestOf(file, unaborted, part), path).toBe(sha256)
    }
  })

  it('says that they are compressed, and takes less room than they have', async () => {
    const entry = await filesystem.find('/packed/lines 1000000', unaborted)
    expect(entry.metadata.attributes).toContain('compressed')
    const source = memorySource(made.bytes)
    const again = await openNtfs(source, unaborted)
    const file = await again.open(await again.find('/packed/lines 1000000', unaborted), unaborted)
    const before = source.bytesRead()
    await file.read(0, new Uint8Array(1_000_000), unaborted)
    expect(source.bytesRead() - before).toBeLessThan(300_000)
  })

  it('finds the holes between units', async () => {
    const file = await filesystem.open(await filesystem.find('/packed/holes', unaborted), unaborted)
    expect(await toArray(file.dataRanges(unaborted))).toEqual([
      { offset: 0, length: unitBytes },
      { offset: 5 * unitBytes, length: unitBytes },
      { offset: 40 * unitBytes, length: 9000 },
    ])
  })
})

describeNtfs('NTFS beside plain files', () => {
  let filesystem: Filesystem
  let bytes: Uint8Array

  beforeAll(async () => {
    const made = makeNtfs({
      sizeBytes: 32 * mebibyte,
      mkntfs: ['-c', '4096'],
      mount: 'streams_interface=windows,special_files=wsl',
      fill: (root) => {
        const file = (name: string, content = name) => {
          writeFileSync(join(root, name), content)
          return join(root, name)
        }
        for (const name of ['case', 'CASE', 'Case']) file(name)
        const streamed = file('streamed')
        writeFileSync(`${streamed}:small`, 'in the record')
        writeFileSync(`${streamed}:large`, lines(1, 100_000))
        setNtfs(file('windows link'), 'ntfs_reparse_data', windowsLink(tags.symlink, '\\??\\C:\\real', 'C:\\real'))
        setNtfs(file('unshown link'), 'ntfs_reparse_data', windowsLink(tags.symlink, '\\??\\C:\\real', ''))
        mkdirSync(join(root, 'junction'))
        setNtfs(join(root, 'junction'), 'ntfs_reparse_data', windowsLink(tags.mountPoint, '\\??\\D:\\', 'D:\\'))
        symlinkSync('linux/target é', join(root, 'linux link'))
        run('mknod', join(root, 'device'), 'c', '5', '300')
        run('mkfifo', join(root, 'fifo'))
        setNtfs(file('deduplicated'), 'ntfs_reparse_data', reparse(tags.deduplicated, new Uint8Array(16)))
        setNtfs(file('compact'), 'ntfs_reparse_data', reparse(tags.compactOs, new Uint8Array(16)))
        setNtfs(file('cloud'), 'ntfs_reparse_data', reparse(tags.unknown, new Uint8Array(16)))
        setNtfs(file('stand-in', ''), 'ntfs_reparse_data', reparse(tags.surrogate, new Uint8Array(16)))
        setNtfs(file('offline'), 'ntfs_reparse_data', reparse(tags.unknown, new Uint8Array(16)))
        setNtfs(join(root, 'offline'), 'ntfs_attrib_be', Uint8Array.of(0, 0, 0x10, 0x20))
        setNtfs(file('said to be offline'), 'ntfs_attrib_be', Uint8Array.of(0, 0, 0x10, 0x20))
        setNtfs(file('hidden'), 'ntfs_attrib_be', Uint8Array.of(0, 0, 0, 0x07))
        setNtfs(
          file('with attributes'),
          'ntfs_ea',
          eaList([
            ['FIRST', 'one'],
            ['SECOND.NAME', 'two two'],
          ]),
        )
        setNtfs(file('a rather long name.text'), 'ntfs_dos_name', Buffer.from('ARATHE~1.TEX'))
        writeParts(join(root, 'sparse'), [
          [0, 3000],
          [1_000_000, 70_000],
          [6_000_000_000, 12_345],
        ])
        file('reserved', '')
        // What is reserved next lies where this was.
        writeFileSync(join(root, 'spent'), noise(1, 12 * mebibyte))
        rmSync(join(root, 'spent'))
      },
      finish: (image) => {
        run('ntfsfallocate', '-f', '-l', '500000', image, 'reserved')
      },
    })
    bytes = made.bytes
    filesystem = await openNtfs(memorySource(bytes), unaborted)
  }, 60_000)

  const entry = async (path: string) => await filesystem.find(path, unaborted)
  const open = async (path: string) => await filesystem.open(await entry(path), unaborted)
  const text = async (path: string) => {
    const file = await open(path)
    const content = new Uint8Array(file.sizeBytes)
    await file.read(0, content, unaborted)
    return Buffer.from(content).toString()
  }

  it('lists alternate streams and reads them', async () => {
    const streams = (await filesystem.streams?.(await entry('/streamed'), unaborted)) ?? []
    expect(streams.map(({ name, sizeBytes }) => [name, sizeBytes]).toSorted()).toEqual([
      ['large', 100_000],
      ['small', 13],
    ])
    for (const stream of streams) {
      const file = await stream.open(unaborted)
      const content = new Uint8Array(file.sizeBytes)
      await file.read(0, content, unaborted)
      expect(Buffer.from(content)).toEqual(Buffer.from(stream.name === 'small' ? 'in the record' : lines(1, 100_000)))
    }
    expect(await text('/streamed')).toBe('streamed')
  })

  it('reads where links of Windows and of Linux lead', async () => {
    const targets = {
      'windows link': 'C:\\real',
      'unshown link': 'C:\\real',
      junction: 'D:\\',
      'linux link': 'linux/target é',
    }
    for (const [name, target] of Object.entries(targets)) {
      expect((await entry(name)).type).toBe('symlink')
      expect(await filesystem.readLink(await entry(name), unaborted)).toBe(target)
      await expect(open(name)).rejects.toMatchObject({ code: 'not-a-file' })
    }
    await expect(filesystem.readLink(await entry('hidden'), unaborted)).rejects.toMatchObject({ code: 'not-a-symlink' })
  })

  it('knows files of other types', async () => {
    expect(await entry('fifo')).toMatchObject({ type: 'fifo' })
    expect(await entry('device')).toMatchObject({ type: 'char-device', metadata: { device: { major: 5, minor: 300 } } })
    expect(await entry('stand-in')).toMatchObject({ type: 'other' })
  })

  it('refuses by name what keeps content elsewhere, and reads what only says so', async () => {
    await expect(open('deduplicated')).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringContaining('Deduplication'),
    })
    await expect(open('compact')).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringContaining('CompactOS'),
    })
    await expect(open('offline')).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringContaining('offline'),
    })
    for (const here of ['cloud', 'said to be offline']) expect(await text(here)).toBe(here)
  })

  it('gives attributes of DOS and extended ones', async () => {
    expect((await entry('hidden')).metadata.attributes).toEqual(['read-only', 'hidden', 'system'])
    const attributes = await filesystem.extendedAttributes?.(await entry('with attributes'), unaborted)
    const texts = [...(attributes ?? [])].map(([name, value]) => [name, Buffer.from(value).toString()])
    expect(texts).toEqual([
      ['FIRST', 'one'],
      ['SECOND.NAME', 'two two'],
    ])
    expect((await filesystem.extendedAttributes?.(await entry('hidden'), unaborted))?.size).toBe(0)
  })

  it('lists a short name not, but finds it, and counts it not as a link', async () => {
    const names = (await toArray(filesystem.list(filesystem.root, unaborted))).map(({ name }) => name)
    expect(names).toContain('a rather long name.text')
    expect(names).not.toContain('ARATHE~1.TEX')
    const { inode, links } = (await entry('arathe~1.tex')).metadata
    expect(inode).toBe((await entry('a rather long name.text')).metadata.inode)
    expect(links).toBe(1)
  })

  it('prefers the name that is meant to the letter', async () => {
    for (const name of ['CASE', 'Case', 'case']) expect(await text(name)).toBe(name)
    expect((await entry('cASE')).name.toLowerCase()).toBe('case')
    await expect(entry('cas')).rejects.toMatchObject({ code: 'not-found' })
    await expect(entry('cases')).rejects.toMatchObject({ code: 'not-found' })
  })

  it('finds holes, and what was reserved but never written', async () => {
    expect(await toArray((await open('sparse')).dataRanges(unaborted))).toEqual([
      { offset: 0, length: 4096 },
      { offset: 999_424, length: 73_728 },
      { offset: 5_999_996_928, length: 15_417 },
    ])
    const reserved = await open('reserved')
    expect(reserved.sizeBytes).toBe(500_000)
    expect(await toArray(reserved.dataRanges(unaborted))).toEqual([])
    const zeros = createHash('sha256').update(new Uint8Array(500_000)).digest('hex')
    expect(await digestOf(reserved, unaborted)).toBe(zeros)
  })

  it('hides the files of the file system itself, yet finds them', async () => {
    const names = (await toArray(filesystem.list(filesystem.root, unaborted))).map(({ name }) => name)
    expect(names.filter((name) => name.startsWith('$') || name === '.')).toEqual([])
    expect(await entry('$MFT')).toMatchObject({ type: 'file', metadata: { inode: 0 } })
    await expect(entry('.')).rejects.toMatchObject({ code: 'not-found' })
  })
})

function reparse(tag: number, data: Uint8Array): Uint8Array {
  const bytes = Buffer.alloc(8 + data.byteLength)
  bytes.writeUInt32LE(tag, 0)
  bytes.writeUInt16LE(data.byteLength, 4)
  bytes.set(data, 8)
  return bytes
}

function windowsLink(tag: number, substitute: string, shown: string): Uint8Array {
  const [first, second] = [Buffer.from(substitute, 'utf16le'), Buffer.from(shown, 'utf16le')]
  const header = Buffer.alloc(tag === tags.symlink ? 12 : 8)
  header.writeUInt16LE(0, 0)
  header.writeUInt16LE(first.byteLength, 2)
  header.writeUInt16LE(first.byteLength + 2, 4)
  header.writeUInt16LE(second.byteLength, 6)
  return reparse(tag, Buffer.concat([header, first, Buffer.alloc(2), second, Buffer.alloc(2)]))
}

function eaList(attributes: readonly (readonly [name: string, value: string])[]): Uint8Array {
  return Buffer.concat(
    attributes.map(([name, value]) => {
      const length = Math.ceil((8 + name.length + 1 + value.length) / 4) * 4
      const bytes = Buffer.alloc(length)
      bytes.writeUInt32LE(length, 0)
      bytes.writeUInt8(name.length, 5)
      bytes.writeUInt16LE(value.length, 6)
      bytes.write(`${name}\0${value}`, 8)
      return bytes
    }),
  )
}
