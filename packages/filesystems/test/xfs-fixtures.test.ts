import { beforeAll, describe, expect, it } from 'vitest'
import type { Entry, Filesystem } from '../src/filesystem.js'
import { nameFromBytes } from '../src/names/name-bytes.js'
import { openXfs } from '../src/xfs/xfs.js'
import { memorySource, unaborted } from './support/memory-source.js'
import { toArray } from './support/to-array.js'
import { digestOf, walkAll } from './support/walk-files.js'
import { type ExpectedEntry, xfsImage, xfsListing } from './support/xfs-fixtures.js'

const types: ReadonlyMap<number, Entry['type']> = new Map([
  [1, 'fifo'],
  [2, 'char-device'],
  [4, 'directory'],
  [6, 'block-device'],
  [8, 'file'],
  [10, 'symlink'],
  [12, 'socket'],
])

describe.each(['version-5', 'version-5-small-blocks'])('XFS as the kernel made it: %s', (name) => {
  let filesystem: Filesystem
  let found: ReadonlyMap<string, Entry>
  let expected: readonly ExpectedEntry[]

  beforeAll(async () => {
    filesystem = await openXfs(memorySource(xfsImage(name)), unaborted)
    found = await walkAll(filesystem, unaborted)
    expected = xfsListing(name)
  })

  it('lists what the kernel lists', () => {
    expect([...found.keys()].toSorted()).toEqual(expected.map(pathOf).toSorted())
    expect(expected.length).toBeGreaterThan(2800)
  })

  it('says of every entry what the kernel says', () => {
    const said = expected.map((line) => found.get(pathOf(line))).map((entry) => entry && asStat(entry))
    expect(said).toEqual(expected.map(statOf))
  })

  it('reads every file as the kernel does', async () => {
    const files = expected.filter(({ sha256 }) => sha256 !== undefined)
    expect(files.length).toBeGreaterThan(50)
    for (const line of files) {
      const file = await filesystem.open(found.get(pathOf(line))!, unaborted)
      expect(await digestOf(file, unaborted), pathOf(line)).toBe(line.sha256)
    }
  })

  it('finds the holes that the kernel finds', async () => {
    const files = expected.filter(({ ranges }) => ranges !== undefined)
    expect(files.length).toBe(3)
    for (const line of files) {
      const file = await filesystem.open(found.get(pathOf(line))!, unaborted)
      expect(await toArray(file.dataRanges(unaborted)), pathOf(line)).toEqual(dataOf(line))
    }
  })

  it('reads on both sides of a hole of gigabytes', async () => {
    const file = await filesystem.open(found.get('/sparse')!, unaborted)
    const part = new Uint8Array(200).fill(1)
    await file.read(6_000_000_000 - 100, part, unaborted)
    expect(Buffer.from(part.subarray(0, 100)).every((byte) => byte === 0)).toBe(true)
    expect(Buffer.from(part.subarray(100)).toString()).toMatch(/^line of file 6000000000 of the fixtures/)
  })

  it('reads where symbolic links lead', async () => {
    const links = expected.filter(({ target }) => target !== undefined)
    expect(links.length).toBe(2)
    for (const line of links) expect(await filesystem.readLink(found.get(pathOf(line))!, unaborted)).toBe(line.target)
  })

  it('reads the extended attributes that the kernel reads', async () => {
    const files = expected.filter(({ attributes }) => attributes !== undefined)
    expect(files.length).toBe(4)
    for (const line of files) {
      const attributes = await filesystem.extendedAttributes?.(found.get(pathOf(line))!, unaborted)
      const entries = [...(attributes ?? [])].map(([key, value]) => [key, Buffer.from(value).toString('base64')])
      // The kernel lists an ACL a second time, as XFS stores it.
      const { 'trusted.SGI_ACL_FILE': _stored, ...wanted } = line.attributes ?? {}
      expect(Object.fromEntries(entries)).toEqual(wanted)
    }
  })

  it('finds every entry by its path', async () => {
    for (const path of ['/n/../empty', '/nothing', '/node/entry number 9999'])
      await expect(filesystem.find(path, unaborted)).rejects.toMatchObject({ code: 'not-found' })
    await expect(filesystem.find('/empty/below', unaborted)).rejects.toMatchObject({ code: 'not-a-directory' })
    for (const line of expected.filter((_line, index) => index % 97 === 0)) {
      const entry = await filesystem.find(pathOf(line), unaborted)
      expect([entry.path, entry.metadata.inode]).toEqual([pathOf(line), line.inode])
    }
  })

  it('has no notes', () => {
    expect(filesystem.notes).toEqual([])
  })
})

function pathOf({ path }: ExpectedEntry): string {
  return Buffer.from(path, 'base64')
    .toString('latin1')
    .split('/')
    .map((name) => nameFromBytes(Buffer.from(name, 'latin1')))
    .join('/')
}

function statOf({ mode, links, uid, gid, inode, size, modified, device }: ExpectedEntry) {
  return { type: types.get(mode >> 12), mode: mode & 0o7777, links, uid, gid, inode, size, modified, device }
}

function asStat({ type, sizeBytes, metadata }: Entry) {
  const { mode, links, uid, gid, inode, modifiedAt, device } = metadata
  return {
    type,
    mode,
    links,
    uid,
    gid,
    inode,
    size: sizeBytes,
    modified: modifiedAt?.getTime(),
    device: device && glibcDevice(device),
  }
}

/** A device number as stat gives it. */
function glibcDevice({ major, minor }: { readonly major: number; readonly minor: number }): number {
  return (major & 0xfff) * 256 + (minor & 0xff) + (minor - (minor & 0xff)) * 2 ** 12
}

function dataOf({ ranges = [], size }: ExpectedEntry) {
  return ranges.flatMap(([kind, offset], index) =>
    kind === 'DATA' ? [{ offset, length: (ranges[index + 1]?.[1] ?? size) - offset }] : [],
  )
}
