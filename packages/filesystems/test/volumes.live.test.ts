import { closeSync, mkdirSync, openSync, readFileSync, truncateSync, writeFileSync, writeSync } from 'node:fs'
import { run, runWith, skipsWithout, tempFolder } from 'holdfast-lab'
import { describe, expect, it } from 'vitest'
import { openFilesystem } from '../src/open-filesystem.js'
import { volumesOf } from '../src/volumes.js'
import { fileSource } from './support/file-source.js'
import { unaborted } from './support/memory-source.js'
import { digestOf, patterned } from './support/sample-tree.js'
import { digestOfFile } from './support/snapshot.js'
import { makeXfs } from './support/xfs-images.js'

const mebibyte = 2 ** 20
const content = patterned(70_000, 1)

const needs = ['fdisk', 'e2fsprogs', 'dosfstools', 'mtools', 'ntfs-3g', 'xfsprogs'] as const

describe.skipIf(skipsWithout(...needs))('a disk of many file systems', () => {
  it('gives the same file of each partition', async () => {
    using folder = tempFolder()
    mkdirSync(folder.at('tree'))
    const file = folder.at('tree/hello')
    writeFileSync(file, content)
    const empty = (name: string, megabytes: number) => {
      writeFileSync(folder.at(name), '')
      truncateSync(folder.at(name), megabytes * mebibyte)
      return folder.at(name)
    }
    const ext = empty('ext', 16)
    run('mkfs.ext4', '-q', '-F', '-d', folder.at('tree'), ext)
    const fat = empty('fat', 8)
    run('mkfs.vfat', fat)
    run('mcopy', '-i', fat, file, '::/hello')
    const ntfs = empty('ntfs', 16)
    run('mkntfs', '-F', '-Q', '-q', ntfs)
    run('ntfscp', '-f', '-q', ntfs, file, 'hello')
    const xfs = folder.at('xfs')
    writeFileSync(xfs, makeXfs({ mkfs: ['-m', 'crc=1'], tree: { hello: { kind: 'file', content } } }))
    const parts = [ext, fat, ntfs, xfs].map((path) => readFileSync(path))

    const disk = empty('disk', 100)
    runWith(
      `label: gpt\n${parts.map((part) => `size=${part.byteLength / 512}\n`).join('')}size=1M\n`,
      'sfdisk',
      '-q',
      disk,
    )
    await using source = await fileSource(disk)
    const places = (await volumesOf(source, unaborted)).map(({ partition }) => partition?.offset ?? 0)
    const handle = openSync(disk, 'r+')
    for (const [i, part] of parts.entries()) writeSync(handle, part, 0, part.byteLength, places[i])
    closeSync(handle)

    const volumes = await volumesOf(source, unaborted)
    const kinds: string[] = []
    for (const volume of volumes.slice(0, 4)) {
      const filesystem = await openFilesystem(volume.source(), unaborted)
      expect(volume.content).toEqual({ is: 'filesystem', kind: filesystem.kind })
      const hello = await filesystem.open(await filesystem.find('/hello', unaborted), unaborted)
      expect(await digestOfFile(hello)).toBe(digestOf(content))
      kinds.push(filesystem.kind)
    }
    expect(kinds).toEqual(['ext', 'fat', 'ntfs', 'xfs'])
    expect(volumes[4]?.content).toEqual({ is: 'unknown' })
  })
})
