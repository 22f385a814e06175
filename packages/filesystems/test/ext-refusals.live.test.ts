import { readFileSync } from 'node:fs'
import { skipsWithout, tempFolder } from 'holdfast-lab'
import { afterAll, describe, expect, it } from 'vitest'
import { openExt } from '../src/ext/ext.js'
import { extImage, find, openAt } from './support/ext-image.js'
import { memorySource, unaborted } from './support/memory-source.js'
import { digestOf, patterned } from './support/sample-tree.js'
import { digestOfFile } from './support/snapshot.js'
import { toArray } from './support/to-array.js'

describe.skipIf(skipsWithout('e2fsprogs'))('what ext refuses and tells', () => {
  const folder = tempFolder(afterAll)
  const image = (...options: readonly string[]) => extImage(folder, '64M', ...options)

  it('refuses block maps that lead to themselves, soon', { timeout: 10_000 }, async () => {
    const disk = extImage(folder, '1M', '-t', 'ext2', '-b', '1024')
    disk.write('file', patterned(1024, 1))
    const block = Number(/\n(\d+)/.exec(disk.debug('bmap file 0'))?.[1])
    disk.debug(`sif file block[TIND] ${block}`, 'sif file size 0x400000000')
    const bytes = new Uint8Array(readFileSync(disk.path))
    new Uint32Array(bytes.buffer, block * 1024, 256).fill(block)
    const filesystem = await openExt(memorySource(bytes), unaborted)
    const file = await openAt(filesystem, 'file')
    const refused = expect.objectContaining({ code: 'damaged', message: expect.stringContaining('more tables') })
    await expect(toArray(file.dataRanges(unaborted))).rejects.toEqual(refused)
  })

  it('refuses what is encrypted, and reads the rest', async () => {
    const disk = image('-t', 'ext4', '-O', 'encrypt')
    disk.debug('mkdir secret', 'symlink link target')
    disk.write('file', patterned(3, 1))
    disk.write('plain', patterned(3, 2))
    disk.debug('sif secret flags 0x80800', 'sif file flags 0x80800', 'sif link flags 0x800')
    await using filesystem = await disk.open()
    const list = async () => toArray(filesystem.list(await find(filesystem, 'secret'), unaborted))
    await expect(list()).rejects.toMatchObject({ code: 'unsupported', message: expect.stringContaining('encrypted') })
    await expect(openAt(filesystem, 'file')).rejects.toMatchObject({ code: 'unsupported' })
    await expect(filesystem.readLink(await find(filesystem, 'link'), unaborted)).rejects.toMatchObject({
      code: 'unsupported',
    })
    expect(await digestOfFile(await openAt(filesystem, 'plain'))).toBe(digestOf(patterned(3, 2)))
  })

  it('refuses features that are not known, by their names', async () => {
    const disk = image('-t', 'ext4', '-O', '^metadata_csum')
    const bytes = new Uint8Array(readFileSync(disk.path))
    const view = new DataView(bytes.buffer)
    const features = view.getUint32(1024 + 0x60, true)
    for (const [bits, message] of [
      [0x1, /compression/],
      [0x8, /journal/],
      [0x1000, /dirdata/],
      [0x8000_0000, /0x80000000/],
      [0x4_0000, /0x40000/],
    ] as const) {
      view.setUint32(1024 + 0x60, (features | bits) >>> 0, true)
      const refused = expect.objectContaining({ code: 'unsupported', message: expect.stringMatching(message) })
      await expect(openExt(memorySource(bytes), unaborted)).rejects.toEqual(refused)
    }
  })

  it('says how the file system was left', async () => {
    const disk = image('-t', 'ext4')
    disk.debug('ssv state 0')
    await using unclean = await disk.open()
    expect(unclean.notes).toEqual([expect.stringContaining('not unmounted cleanly')])
    disk.debug('ssv state 3')
    await using wrong = await disk.open()
    expect(wrong.notes).toEqual([expect.stringContaining('recorded errors')])
  })

  it.each([
    ['the superblock', () => 1024 + 0x78],
    ['a group descriptor', () => 1024 * 2 + 12],
  ])('notices a wrong checksum in %s', async (_name, place) => {
    const disk = image('-t', 'ext4', '-b', '1024')
    const bytes = new Uint8Array(readFileSync(disk.path))
    bytes[place()] = (bytes[place()] ?? 0) ^ 1
    await expect(openExt(memorySource(bytes), unaborted)).rejects.toMatchObject({
      code: 'damaged',
      message: expect.stringMatching(/checksum/),
    })
  })

  it('notices wrong checksums of an inode, a directory and an extent tree, and reads the rest', async () => {
    const disk = image('-t', 'ext4', '-b', '1024')
    disk.write('file', patterned(3, 1))
    disk.write('good', patterned(3, 2))
    disk.debug('mkdir folder', 'mkdir folder/inner')
    disk.write('tree', patterned(100 * 1024, 3))
    disk.debug(...Array.from({ length: 50 }, (_, i) => `punch tree ${i * 2} ${i * 2}`))
    const numberIn = (text: string, pattern: RegExp) => Number(pattern.exec(text)?.[1])
    const inode = /block (\d+), offset 0x([0-9a-f]+)/.exec(disk.debug('imap file'))
    const bytes = new Uint8Array(readFileSync(disk.path))
    const flip = (at: number) => {
      bytes[at] = (bytes[at] ?? 0) ^ 1
    }
    flip(Number(inode?.[1]) * 1024 + Number.parseInt(inode?.[2] ?? '', 16) + 8)
    flip(numberIn(disk.debug('blocks folder'), /\n(\d+)/) * 1024 + 40)
    flip(numberIn(disk.debug('stat tree'), /\(ETB0\):(\d+)/) * 1024 + 20)
    const filesystem = await openExt(memorySource(bytes), unaborted)
    await expect(find(filesystem, 'file')).rejects.toMatchObject({
      code: 'damaged',
      message: expect.stringMatching(/checksum of inode/),
    })
    const entries = await toArray(filesystem.list(filesystem.root, unaborted))
    const listed = entries.find(({ name }) => name === 'file')!
    expect(listed).toMatchObject({ type: 'other', problem: { code: 'damaged' } })
    await expect(filesystem.open(listed, unaborted)).rejects.toBe(listed.problem)
    await expect(filesystem.extendedAttributes?.(listed, unaborted)).rejects.toBe(listed.problem)
    expect(entries.filter(({ problem }) => problem !== undefined)).toEqual([listed])
    await expect(find(filesystem, 'folder/inner')).rejects.toMatchObject({
      message: expect.stringMatching(/checksum of a block/),
    })
    await expect(digestOfFile(await openAt(filesystem, 'tree'))).rejects.toMatchObject({
      message: expect.stringMatching(/whose checksum/),
    })
    expect(await digestOfFile(await openAt(filesystem, 'good'))).toBe(digestOf(patterned(3, 2)))
  })
})
