import { run, skipsWithout, tempFolder } from 'holdfast-lab'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openExt } from '../src/ext/ext.js'
import { fileSource } from './support/file-source.js'
import { unaborted } from './support/memory-source.js'
import { makeTree, modifiedAt } from './support/sample-tree.js'
import { type Snap, snapshot, snapshotOfFolder } from './support/snapshot.js'

/** Kinds of ext file systems, by the options that make them. */
const kinds: Readonly<Record<string, readonly string[]>> = {
  'ext4 as Debian makes it': ['-t', 'ext4'],
  'ext4 with blocks of 1 KiB': ['-t', 'ext4', '-b', '1024'],
  'ext4 with blocks of 2 KiB, without journal and checksums': [
    '-t',
    'ext4',
    '-b',
    '2048',
    '-O',
    '^has_journal,^metadata_csum,uninit_bg',
  ],
  'ext4 with blocks of 64 KiB': ['-t', 'ext4', '-b', '65536'],
  'ext4 with inline data': ['-t', 'ext4', '-O', 'inline_data', '-I', '256'],
  'ext4 with inline data in large inodes': ['-t', 'ext4', '-O', 'inline_data', '-I', '1024'],
  'ext4 of 32 bits': ['-t', 'ext4', '-O', '^64bit,^metadata_csum'],
  'ext4 with clusters of 64 KiB': ['-t', 'ext4', '-O', 'bigalloc', '-C', '65536'],
  'ext4 with clusters and blocks of 1 KiB': ['-t', 'ext4', '-b', '1024', '-O', 'bigalloc', '-C', '16384'],
  'ext4 with clusters, blocks of 1 KiB and descriptors in their groups': [
    '-t',
    'ext4',
    '-b',
    '1024',
    '-O',
    'bigalloc,meta_bg,^resize_inode',
    '-C',
    '4096',
  ],
  'ext4 with descriptors in their groups': ['-t', 'ext4', '-b', '1024', '-O', 'meta_bg,^resize_inode', '-g', '1024'],
  'ext4 with two backups of the superblock': [
    '-t',
    'ext4',
    '-b',
    '1024',
    '-O',
    'meta_bg,^resize_inode,sparse_super2',
    '-g',
    '1024',
  ],
  'ext4 with a seed of its own for checksums': ['-t', 'ext4', '-O', 'metadata_csum_seed'],
  'ext4 with values in inodes, large directories, casefold, encryption and projects': [
    '-t',
    'ext4',
    '-I',
    '512',
    '-O',
    'ea_inode,large_dir,casefold,encrypt,quota,project,verity,orphan_file',
  ],
  'ext4 without types in directories': ['-t', 'ext4', '-O', '^filetype'],
  ext3: ['-t', 'ext3'],
  'ext3 with blocks of 1 KiB and old inodes': ['-t', 'ext3', '-b', '1024', '-I', '128'],
  ext2: ['-t', 'ext2', '-b', '1024'],
  'ext2 of revision 0': ['-t', 'ext2', '-r', '0', '-b', '1024'],
}

describe.skipIf(skipsWithout('e2fsprogs'))('ext', () => {
  const folder = tempFolder(afterAll)
  const tree = folder.at('tree')
  let expected: ReadonlyMap<string, Snap>
  beforeAll(() => {
    makeTree(tree, { posix: true, many: 3000 })
    expected = snapshotOfFolder(tree)
  })

  it.each(Object.entries(kinds))('reads all files of %s', async (_name, options) => {
    const image = folder.at('image')
    run('mkfs.ext4', '-q', '-F', ...options, '-N', '8192', '-L', 'a label', '-d', tree, image, '400M')
    await using source = await fileSource(image)
    const filesystem = await openExt(source, unaborted)
    const found = await snapshot(filesystem)
    found.delete('/lost+found')
    expect(found).toEqual(expected)
    expect(filesystem).toMatchObject({ kind: 'ext', label: 'a label', notes: [] })
    const entry = await filesystem.find('/sizes/of-4097', unaborted)
    expect(entry.metadata.modifiedAt).toEqual(modifiedAt)
  })
})
