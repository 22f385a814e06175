import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { run, skipsWithout, tempFolder } from 'holdfast-lab'
import { afterAll, describe, expect, it } from 'vitest'
import { openExt } from '../src/ext/ext.js'
import { extImage, find, openAt } from './support/ext-image.js'
import { memorySource, unaborted } from './support/memory-source.js'
import { digestOf, patterned, sparse } from './support/sample-tree.js'
import { digestOfFile } from './support/snapshot.js'
import { toArray } from './support/to-array.js'

const gibibyte = 2 ** 30

describe.skipIf(skipsWithout('e2fsprogs'))('ext in detail', () => {
  const folder = tempFolder(afterAll)
  const image = (...options: readonly string[]) => extImage(folder, '64M', ...options)

  it.each([
    ['extents', ['-t', 'ext4', '-b', '1024']],
    ['extents without checksums', ['-t', 'ext4', '-b', '1024', '-O', '^metadata_csum']],
    ['block maps', ['-t', 'ext3', '-b', '1024']],
  ])('reads fragmented files in %s', async (_name, options) => {
    const disk = extImage(folder, '16M', '-N', '5000', ...options)
    const small = folder.at('small')
    writeFileSync(small, patterned(1024, 1))
    const names = Array.from({ length: 4000 }, (_, i) => `small${i}`)
    disk.debug(...names.map((name) => `write ${small} ${name}`))
    const free = Number(/Free blocks: +(\d+)/.exec(disk.debug('stats'))?.[1])
    disk.write('filler', patterned((free - 100) * 1024, 2))
    // What is free now is one block here and one there.
    disk.debug(...names.filter((_, i) => i % 2 === 0).map((name) => `rm ${name}`))
    const large = patterned(1_900_000, 3)
    disk.write('large', large)
    expect(disk.debug('stat large').match(/\(\d[\d-]*\):/g)?.length).toBeGreaterThan(1000)
    await using filesystem = await disk.open()
    expect(await digestOfFile(await openAt(filesystem, 'large'))).toBe(digestOf(large))
    expect(await digestOfFile(await openAt(filesystem, '/small2001'))).toBe(digestOf(patterned(1024, 1)))
    await expect(find(filesystem, 'small2000')).rejects.toMatchObject({ code: 'not-found' })
  })

  it.each([
    ['extents', ['-t', 'ext4']],
    ['block maps', ['-t', 'ext3', '-b', '1024']],
  ])('reads beyond 4 GiB of a file with holes, in %s', async (_name, options) => {
    const tree = folder.at('huge tree')
    mkdirSync(tree, { recursive: true })
    const parts = [
      [0, patterned(3000, 1)],
      [20_000, patterned(20_000, 2)],
      [300_000, patterned(20_000, 2)],
      [gibibyte, patterned(70_000, 3)],
      [4 * gibibyte - 100, patterned(200, 4)],
      [6 * gibibyte - 10_000, patterned(10_000, 5)],
    ] as const
    sparse(folder.at('huge tree/huge'), 6 * gibibyte + 77, parts)
    const disk = image(...options, '-d', tree)
    await using filesystem = await disk.open()
    const file = await openAt(filesystem, 'huge')
    expect(file.sizeBytes).toBe(6 * gibibyte + 77)
    for (const [offset, bytes] of parts) {
      const around = new Uint8Array(bytes.byteLength + 20)
      await file.read(Math.max(0, offset - 10), around, unaborted)
      const skip = Math.min(offset, 10)
      expect(digestOf(around.subarray(skip, skip + bytes.byteLength))).toBe(digestOf(bytes))
      expect(around.subarray(0, skip).every((byte) => byte === 0)).toBe(true)
      expect(around.subarray(skip + bytes.byteLength).every((byte) => byte === 0)).toBe(true)
    }
    const ranges = await toArray(file.dataRanges(unaborted))
    for (const [offset, { byteLength }] of parts)
      expect(ranges.some((range) => range.offset <= offset && range.offset + range.length >= offset + byteLength)).toBe(
        true,
      )
    expect(ranges.reduce((sum, { length }) => sum + length, 0)).toBeLessThan(200_000)
  })

  it('reads what is reserved but not written as zeros', async () => {
    const disk = image('-t', 'ext4', '-b', '1024')
    disk.write('file', patterned(10_000, 1))
    disk.debug('punch file 3 5', 'fallocate file 20 100', 'sif file size 0x30000')
    await using filesystem = await disk.open()
    const expected = new Uint8Array(0x30000)
    expected.set(patterned(10_000, 1))
    expected.fill(0, 3 * 1024, 6 * 1024)
    const file = await openAt(filesystem, 'file')
    expect(await digestOfFile(file)).toBe(digestOf(expected))
    expect(await toArray(file.dataRanges(unaborted))).toEqual([
      { offset: 0, length: 3 * 1024 },
      { offset: 6 * 1024, length: 4 * 1024 },
    ])
  })

  it.each([
    ['ext4', ['-t', 'ext4', '-b', '1024']],
    ['ext3', ['-t', 'ext3', '-b', '1024']],
  ])('lists directories with an index, %s', async (_name, options) => {
    const disk = image(...options, '-N', '8000')
    const small = folder.at('small')
    writeFileSync(small, 'x')
    const names = Array.from({ length: 5000 }, (_, i) => `a rather long name of an entry ${i}`)
    disk.debug('mkdir large', 'cd large', ...names.map((name) => `write ${small} "${name}"`))
    try {
      run('e2fsck', '-fyD', disk.path)
    } catch {
      // It says by its status that it changed something.
    }
    expect(disk.debug('htree large')).toMatch(/Number of (entries|Entries).*\n/i)
    await using filesystem = await disk.open()
    const found = await toArray(filesystem.list(await find(filesystem, 'large'), unaborted))
    expect(found.map(({ name }) => name).sort()).toEqual(names.sort())
    expect((await find(filesystem, `large/${names[4321]}`)).sizeBytes).toBe(1)
    // Where Linux made the index, its root still ends as a block of entries does, with the checksum of an index.
    const bytes = new Uint8Array(readFileSync(disk.path))
    const root = Number(/\(0(?:-\d+)?\):(\d+)/.exec(disk.debug('stat large'))?.[1])
    bytes.set([0, 0, 0, 0, 12, 0, 0, 0xde], (root + 1) * 1024 - 12)
    const older = await openExt(memorySource(bytes), unaborted)
    expect(await toArray(older.list(await find(older, 'large'), unaborted))).toHaveLength(names.length)
  })

  it.each([
    ['two backups of the superblock', '17M', ['-t', 'ext4', '-O', 'meta_bg,^resize_inode,sparse_super2']],
    [
      'copies of the superblock everywhere',
      '17M',
      ['-t', 'ext4', '-O', 'meta_bg,^resize_inode,^sparse_super,^metadata_csum'],
    ],
  ])('finds inodes in every group where descriptors lie with their groups: %s', async (_name, size, options) => {
    const disk = extImage(folder, size, '-b', '1024', '-g', '1024', '-N', '272', ...options)
    const small = folder.at('small')
    writeFileSync(small, patterned(700, 1))
    disk.debug(...Array.from({ length: 255 }, (_, i) => `write ${small} small${i}`))
    await using filesystem = await disk.open()
    const found = await toArray(filesystem.list(filesystem.root, unaborted))
    const inodes = found.map(({ metadata }) => metadata.inode ?? 0)
    expect(Math.max(...inodes)).toBeGreaterThan(256)
    const files = found.filter(({ type }) => type === 'file')
    expect(files).toHaveLength(255)
    for (const entry of files)
      expect(await digestOfFile(await filesystem.open(entry, unaborted))).toBe(digestOf(patterned(700, 1)))
  })

  it('tells what an inode says', async () => {
    const disk = image('-t', 'ext4')
    disk.write('file', patterned(5, 1))
    disk.debug(
      'ln file other',
      'sif file links_count 2',
      'sif file mode 0104751',
      'sif file uid 70000',
      'sif file gid 80001',
      'sif file atime 20380119031408',
      'sif file mtime 19691231235958',
      'sif file ctime 20010203040506',
      'sif file crtime 20240229000000',
      'sif file mtime_extra 0xDEADBE00',
      'mknod disk b 259 7',
      'mknod console c 5 1',
      'mknod wide c 300 60000',
      'mknod pipe p',
    )
    await using filesystem = await disk.open()
    const file = await find(filesystem, 'file')
    expect(file.metadata).toMatchObject({
      links: 2,
      mode: 0o4751,
      uid: 70_000,
      gid: 80_001,
      accessedAt: new Date('2038-01-19T03:14:08Z'),
      changedAt: new Date('2001-02-03T04:05:06Z'),
      createdAt: new Date('2024-02-29T00:00:00Z'),
    })
    expect(file.metadata.modifiedAt).toEqual(
      new Date(Date.parse('1969-12-31T23:59:58Z') + Math.floor(0xdeadbe00 / 4e6)),
    )
    expect((await find(filesystem, 'other')).metadata.inode).toBe(file.metadata.inode)
    expect(await find(filesystem, 'disk')).toMatchObject({
      type: 'block-device',
      metadata: { device: { major: 259, minor: 7 } },
    })
    expect(await find(filesystem, 'console')).toMatchObject({
      type: 'char-device',
      metadata: { device: { major: 5, minor: 1 } },
    })
    expect(await find(filesystem, 'wide')).toMatchObject({ metadata: { device: { major: 300, minor: 60_000 } } })
    expect(await find(filesystem, 'pipe')).toMatchObject({ type: 'fifo' })
  })

  it('tells times after 2038 and before 1970', async () => {
    const disk = image('-t', 'ext4')
    disk.write('file', patterned(5, 1))
    disk.debug(
      'sif file mtime 0x80000000',
      'sif file mtime_extra 1',
      'sif file atime 0x80000000',
      'sif file atime_extra 0',
    )
    await using filesystem = await disk.open()
    expect((await find(filesystem, 'file')).metadata).toMatchObject({
      modifiedAt: new Date((2 ** 32 - 2 ** 31) * 1000),
      accessedAt: new Date(-(2 ** 31) * 1000),
    })
  })

  it.each([
    ['in inodes of 256 bytes and in blocks', ['-I', '256']],
    ['in large inodes', ['-I', '1024']],
    ['in inodes of their own', ['-O', 'ea_inode']],
    ['beside inline data', ['-O', 'inline_data', '-I', '512']],
    ['without checksums', ['-O', '^metadata_csum,^64bit']],
  ])('reads extended attributes %s', async (_name, options) => {
    const disk = image('-t', 'ext4', '-b', '4096', ...options)
    disk.write('file', patterned(100, 1))
    const large = options.includes('ea_inode') ? 4090 : 2500
    const value = folder.at('value')
    writeFileSync(value, patterned(large, 2))
    const acl = folder.at('acl')
    // user::rw- user:1000:r-- group::r-- mask::r-- other::---
    const aclText =
      '02000000 0100 0600 ffffffff 0200 0400 e8030000 0400 0400 ffffffff 1000 0400 ffffffff 2000 0000 ffffffff'
    writeFileSync(acl, Buffer.from(aclText.replaceAll(' ', ''), 'hex'))
    disk.debug(
      'ea_set file user.note hello',
      'ea_set file user.empty ""',
      'ea_set file security.selinux system_u:object_r:etc_t:s0',
      'ea_set file trusted.overlay.opaque y',
      `ea_set -f ${value} file user.large`,
      `ea_set -f ${acl} file system.posix_acl_access`,
    )
    await using filesystem = await disk.open()
    const found = await filesystem.extendedAttributes?.(await find(filesystem, 'file'), unaborted)
    const text = (name: string) => new TextDecoder().decode(found?.get(name))
    expect([...(found?.keys() ?? [])].sort()).toEqual([
      'security.selinux',
      'system.posix_acl_access',
      'trusted.overlay.opaque',
      'user.empty',
      'user.large',
      'user.note',
    ])
    expect(text('user.note')).toBe('hello')
    expect(text('user.empty')).toBe('')
    expect(text('security.selinux')).toBe('system_u:object_r:etc_t:s0')
    expect(digestOf(found?.get('user.large') ?? new Uint8Array(0))).toBe(digestOf(patterned(large, 2)))
    expect(Buffer.from(found?.get('system.posix_acl_access') ?? []).toString('hex')).toBe(aclText.replaceAll(' ', ''))
    expect(await digestOfFile(await openAt(filesystem, 'file'))).toBe(digestOf(patterned(100, 1)))
    expect(await filesystem.extendedAttributes?.(filesystem.root, unaborted)).toEqual(new Map())
  })

  it('reads short symbolic links that have a block of attributes', async () => {
    const disk = image('-t', 'ext2', '-I', '128')
    disk.debug('symlink link target', `ea_set link user.note ${'n'.repeat(100)}`)
    await using filesystem = await disk.open()
    const link = await find(filesystem, 'link')
    expect(await filesystem.readLink(link, unaborted)).toBe('target')
    expect((await filesystem.extendedAttributes?.(link, unaborted))?.get('user.note')?.byteLength).toBe(100)
  })

  it('finds by path as the file system does', async () => {
    const disk = image('-t', 'ext4', '-O', 'casefold', '-E', 'encoding=utf8')
    disk.debug(
      'mkdir Folder',
      'mkdir Folder/Inner',
      'mkdir folded',
      'sif folded flags 0x40080000',
      'symlink link Folder',
    )
    disk.write('folded/Grüße.TXT', patterned(3, 1))
    await using filesystem = await disk.open()
    for (const path of ['Folder/Inner', '/Folder/Inner', '//Folder//Inner/'])
      expect(await find(filesystem, path)).toMatchObject({ path: '/Folder/Inner', name: 'Inner', type: 'directory' })
    for (const path of ['', '/', '///']) expect(await find(filesystem, path)).toBe(filesystem.root)
    expect((await find(filesystem, 'folded/GRÜSSE.txt')).path).toBe('/folded/Grüße.TXT')
    expect((await find(filesystem, 'folded/grÜße.txt')).path).toBe('/folded/Grüße.TXT')
    for (const path of ['folder', 'Folder/inner', '..', '.', 'Folder/..', 'none/Inner'])
      await expect(find(filesystem, path)).rejects.toMatchObject({ code: 'not-found', path })
    await expect(find(filesystem, 'link/Inner')).rejects.toMatchObject({ code: 'not-a-directory' })
  })

  it('refuses what an entry is not for, and entries of others', async () => {
    const disk = image('-t', 'ext4')
    disk.debug('symlink link target', 'mknod pipe p')
    disk.write('file', patterned(3, 1))
    await using filesystem = await disk.open()
    await using other = await disk.open()
    const file = await find(filesystem, 'file')
    const link = await find(filesystem, 'link')
    const pipe = await find(filesystem, 'pipe')
    for (const entry of [link, pipe, filesystem.root])
      await expect(filesystem.open(entry, unaborted)).rejects.toMatchObject({ code: 'not-a-file', path: entry.path })
    for (const entry of [file, link, pipe])
      await expect(toArray(filesystem.list(entry, unaborted))).rejects.toMatchObject({ code: 'not-a-directory' })
    for (const entry of [file, pipe, filesystem.root])
      await expect(filesystem.readLink(entry, unaborted)).rejects.toMatchObject({ code: 'not-a-symlink' })
    await expect(other.open(file, unaborted)).rejects.toMatchObject({ code: 'not-found' })
    const open = await filesystem.open(file, unaborted)
    await expect(open.read(1, new Uint8Array(3), unaborted)).rejects.toMatchObject({ code: 'out-of-range' })
  })
})
