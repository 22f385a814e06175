import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { run, skipsWithout, tempFolder } from 'holdfast-lab'
import { afterAll, describe, expect, it } from 'vitest'
import { openExt } from '../src/ext/ext.js'
import { extImage } from './support/ext-image.js'
import { memorySource, unaborted } from './support/memory-source.js'
import { digestOf, patterned } from './support/sample-tree.js'
import { snapshot } from './support/snapshot.js'

const magic = Uint8Array.of(0xc0, 0x3b, 0x39, 0x98)

describe.skipIf(skipsWithout('e2fsprogs'))('a journal that was not replayed', () => {
  const folder = tempFolder(afterAll)

  /** An image with a file of 8 blocks, and the blocks of it. */
  const image = (...options: readonly string[]) => {
    const disk = extImage(folder, '16M', '-b', '1024', '-J', 'size=1', ...options)
    disk.write('file', patterned(8 * 1024, 1))
    const blocks = disk
      .debug('blocks file')
      .match(/\d+(?= )/g)
      ?.map(Number)
      .filter((block) => block > 20)
    return { disk, blocks: blocks ?? [] }
  }
  const content = (seed: number, first = new Uint8Array(0)): Uint8Array => {
    const bytes = patterned(1024, seed)
    bytes.set(first)
    return bytes
  }
  const file = (name: string, bytes: Uint8Array): string => {
    writeFileSync(folder.at(name), bytes)
    return folder.at(name)
  }
  /** What e2fsck makes of a copy. */
  const repaired = async (path: string) => {
    const copy = folder.at('copy')
    copyFileSync(path, copy)
    try {
      run('e2fsck', '-fy', copy)
    } catch {
      // It says by its status that it changed something.
    }
    return await snapshot(await openExt(memorySource(new Uint8Array(readFileSync(copy))), unaborted))
  }

  it.each([
    ['without checksums', ['-t', 'ext3'], 'jo'],
    ['of 64 bits', ['-t', 'ext4', '-O', '64bit,^metadata_csum'], 'jo'],
    ['with checksums of version 2', ['-t', 'ext4', '-O', '^64bit'], 'jo -c -v 2'],
    ['with checksums of version 2 and 64 bits', ['-t', 'ext4'], 'jo -c -v 2'],
    ['with checksums of version 3', ['-t', 'ext4'], 'jo -c -v 3'],
    ['with checksums of version 3 of 32 bits', ['-t', 'ext4', '-O', '^64bit'], 'jo -c -v 3'],
  ])('is replayed in memory, %s', async (_name, options, open) => {
    const { disk, blocks } = image(...options)
    const [b0, b1, b2, b3, b4] = blocks
    // The second transaction revokes two blocks, the last writes one of them again; b2 begins with the magic number of the journal.
    const first = file('first', Buffer.concat([content(10), content(11), content(12, magic)]))
    const second = file('second', Buffer.concat([content(20)]))
    const third = file('third', Buffer.concat([content(31), content(34)]))
    disk.debug(
      open,
      `jw -b ${b0},${b1},${b2} ${first}`,
      `jw -r ${b1},${b0}`,
      `jw -b ${b3} ${second}`,
      `jw -b ${b1},${b4} ${third}`,
      'jc',
    )
    const expected = patterned(8 * 1024, 1)
    expected.set(content(31), 1024)
    expected.set(content(12, magic), 2 * 1024)
    expected.set(content(20), 3 * 1024)
    expected.set(content(34), 4 * 1024)
    const filesystem = await openExt(memorySource(new Uint8Array(readFileSync(disk.path))), unaborted)
    expect(filesystem.notes).toEqual([expect.stringMatching(/journal was replayed in memory \(4 blocks\)/)])
    const found = await snapshot(filesystem)
    expect(found.get('/file')?.content).toBe(digestOf(expected))
    expect(found).toEqual(await repaired(disk.path))
  })

  it('is replayed as far as it was committed', async () => {
    const { disk, blocks } = image('-t', 'ext4')
    disk.debug(
      'jo -c -v 3',
      `jw -b ${blocks[0]} ${file('first', content(10))}`,
      `jw -c -b ${blocks[1]} ${file('second', content(11))}`,
      'jc',
    )
    const filesystem = await openExt(memorySource(new Uint8Array(readFileSync(disk.path))), unaborted)
    const expected = patterned(8 * 1024, 1)
    expected.set(content(10))
    expect((await snapshot(filesystem)).get('/file')?.content).toBe(digestOf(expected))
    expect(await snapshot(filesystem)).toEqual(await repaired(disk.path))
  })

  it('goes round the end of the journal', async () => {
    const { disk, blocks } = image('-t', 'ext3')
    disk.debug(
      'jo',
      `jw -b ${blocks[0]},${blocks[1]} ${file('first', Buffer.concat([content(10), content(11)]))}`,
      'jc',
    )
    const old = new Uint8Array(readFileSync(disk.path))
    const bytes = new Uint8Array(old)
    const at = (journalBlock: number) => Number(/\n(\d+)/.exec(disk.debug(`bmap <8> ${journalBlock}`))?.[1]) * 1024
    // Its descriptor is moved to the last block of the journal; what follows goes on behind the superblock.
    const blockOf = (journalBlock: number) => old.subarray(at(journalBlock), at(journalBlock) + 1024)
    const last = new DataView(bytes.buffer).getUint32(at(0) + 0x10) - 1
    bytes.set(blockOf(1), at(last))
    for (const block of [1, 2, 3]) bytes.set(blockOf(block + 1), at(block))
    new DataView(bytes.buffer).setUint32(at(0) + 0x1c, last)
    writeFileSync(disk.path, bytes)
    const filesystem = await openExt(memorySource(bytes), unaborted)
    expect(filesystem.notes).toEqual([expect.stringMatching(/\(2 blocks\)/)])
    const expected = patterned(8 * 1024, 1)
    expected.set(content(10))
    expected.set(content(11), 1024)
    expect((await snapshot(filesystem)).get('/file')?.content).toBe(digestOf(expected))
    expect(await snapshot(filesystem)).toEqual(await repaired(disk.path))
  })

  it('and is damaged is left alone, which is said', async () => {
    const { disk, blocks } = image('-t', 'ext4')
    disk.debug('jo -c -v 3', `jw -b ${blocks[0]} ${file('first', content(10))}`, 'jc')
    const journal = Number(disk.debug('blocks <8>').match(/\n(\d+)/)?.[1]) * 1024
    const whole = new Uint8Array(readFileSync(disk.path))
    const withByte = async (at: number) => {
      const bytes = new Uint8Array(whole)
      bytes[at] = (bytes[at] ?? 0) ^ 1
      return await openExt(memorySource(bytes), unaborted)
    }
    const old = digestOf(patterned(8 * 1024, 1))
    const superblock = await withByte(journal + 0x30)
    expect(superblock.notes).toEqual([expect.stringMatching(/cannot be replayed \(the checksum .* may be missing/)])
    expect((await snapshot(superblock)).get('/file')?.content).toBe(old)
    const descriptor = await withByte(journal + 1024 + 20)
    expect(descriptor.notes).toEqual([expect.stringMatching(/\(0 blocks\)/)])
    expect((await snapshot(descriptor)).get('/file')?.content).toBe(old)
    const data = await withByte(journal + 2048 + 20)
    await expect(snapshot(data)).rejects.toMatchObject({
      code: 'damaged',
      message: expect.stringMatching(/checksum of block 2 of the journal/),
    })
  })
})
