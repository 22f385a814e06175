import { describe, expect, it } from 'vitest'
import { decodeAttributeList } from '../src/ntfs/attribute-list.js'
import { decodeExtendedAttributes } from '../src/ntfs/extended-attributes.js'
import { applyFixups } from '../src/ntfs/fixups.js'
import { nodeEntries } from '../src/ntfs/index-node.js'
import { decompressLznt1 } from '../src/ntfs/lznt1.js'
import { decodeReparsePoint, linkTarget, reparsedType } from '../src/ntfs/reparse-point.js'
import { decodeRuns } from '../src/ntfs/run-list.js'

const damaged = expect.objectContaining({ code: 'damaged' })
const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset)

describe('runs of clusters', () => {
  const runs = (pairs: readonly number[], endCluster: number, firstCluster = 0) => [
    ...decodeRuns({ pairs: Uint8Array.from(pairs), firstCluster, endCluster }, 1000, {}),
  ]

  it('lie relative to each other, forwards and backwards, or are holes', () => {
    expect(runs([0x21, 5, 0x2c, 0x01, 0x11, 3, 0xf6, 0x01, 2, 0x11, 1, 1, 0], 11)).toEqual([
      { start: 0, count: 5, cluster: 300 },
      { start: 5, count: 3, cluster: 290 },
      { start: 8, count: 2 },
      { start: 10, count: 1, cluster: 291 },
    ])
    expect(runs([0], 7, 7)).toEqual([])
  })

  it.each([
    ['end too soon', [0x11, 5, 1, 0], 6],
    ['are more than claimed', [0x11, 5, 1, 0], 4],
    ['are empty', [0x11, 0, 1, 0], 4],
    ['have a negative length', [0x11, 0xff, 1, 0], 4],
    ['begin before the volume', [0x11, 4, 0xff, 0], 4],
    ['reach behind the volume', [0x21, 4, 0xe6, 0x03, 0], 4],
    ['are cut', [0x28, 4], 4],
    [
      'have lengths that no number has',
      [0xff, 4, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1],
      4,
    ],
  ])('that %s are damaged', (_what, pairs, end) => {
    expect(() => runs(pairs, end)).toThrow(damaged)
  })
})

describe('LZNT1', () => {
  const unpacked = (bytes: readonly number[], length = 4096) => {
    const into = new Uint8Array(length)
    decompressLznt1(Uint8Array.from(bytes), into, {})
    return Buffer.from(into)
  }

  it('repeats what it made, also while it makes it', () => {
    // The example of MS-XCA: a letter, then a match one back that is longer than what is there.
    expect(unpacked([0x03, 0xb0, 0x02, 0x61, 0xfc, 0x0f], 8192).subarray(0, 4096)).toEqual(Buffer.alloc(4096, 'a'))
    expect(unpacked([0x05, 0xb0, 0x04, 0x61, 0x62, 0x01, 0x10, 0]).subarray(0, 6).toString()).toBe('ababab')
  })

  it('takes chunks as they are, and stops at a length of nought', () => {
    expect(unpacked([0x01, 0x30, 0x61, 0x62, 0, 0, 0x01, 0x30], 8192).subarray(0, 3)).toEqual(Buffer.from('ab\0'))
  })

  it('gives the further bits to the length, the closer the chunk begins', () => {
    const letters = Buffer.from('abcdefghijklmnopq')
    // Behind 17 bytes a match has 11 bits for the length and 5 for how far back.
    const match = ((17 - 1) << 11) | (5 - 3)
    const bytes = [
      0x15,
      0xb0,
      0,
      ...letters.subarray(0, 8),
      0,
      ...letters.subarray(8, 16),
      2,
      letters[16]!,
      match & 0xff,
      match >> 8,
    ]
    bytes[0] = bytes.length - 2 - 1
    expect(unpacked(bytes).subarray(0, 22).toString()).toBe('abcdefghijklmnopqabcde')
  })

  it.each([
    ['refers to what is before it', [0x02, 0xb0, 0x01, 0x01, 0x10]],
    ['is longer than a chunk', [0x05, 0xb0, 0x06, 0x61, 0xff, 0x0f, 0xff, 0xff]],
    ['has no signature', [0x03, 0x80, 0x02, 0x61, 0xfc, 0x0f]],
    ['is cut', [0xff, 0xbf, 0x02, 0x61]],
    ['ends within a match', [0x02, 0xb0, 0x02, 0x61, 0xfc]],
  ])('that %s is damaged', (_what, bytes) => {
    expect(() => unpacked(bytes)).toThrow(damaged)
  })
})

describe('structures of NTFS', () => {
  it('have the ends of their sectors elsewhere', () => {
    const record = new Uint8Array(1024)
    record.set([48, 0, 3, 0], 4)
    record.set([7, 0, 1, 2, 3, 4], 48)
    record.set([7, 0], 510)
    record.set([7, 0], 1022)
    const whole = record.slice()
    applyFixups(whole, 'a record', {})
    expect([...whole.subarray(510, 512), ...whole.subarray(1022)]).toEqual([1, 2, 3, 4])
    record[1022] = 8
    expect(() => applyFixups(record, 'a record', {})).toThrow(damaged)
    record[6] = 2
    expect(() => applyFixups(record, 'a record', {})).toThrow(damaged)
  })

  it('of attributes in other records are refused when an entry does not go on', () => {
    const list = new Uint8Array(32)
    list.set([0x80, 0, 0, 0, 10, 0], 0)
    expect(() => decodeAttributeList(list, 5)).toThrow(damaged)
    list[4] = 33
    expect(() => decodeAttributeList(list, 5)).toThrow(damaged)
  })

  it('of directories end with an entry that says so', () => {
    const node = new Uint8Array(64)
    const view = viewOf(node)
    view.setUint32(0, 16, true)
    view.setUint32(4, 32, true)
    view.setUint16(16 + 8, 16, true)
    view.setUint16(16 + 12, 2, true)
    expect([...nodeEntries(node, 0, {})]).toEqual([{}])
    view.setUint16(16 + 12, 3, true)
    expect(() => [...nodeEntries(node, 0, {})]).toThrow(damaged)
    view.setUint16(16 + 8, 0, true)
    expect(() => [...nodeEntries(node, 0, {})]).toThrow(damaged)
    view.setUint32(4, 16, true)
    expect(() => [...nodeEntries(node, 0, {})]).toThrow(damaged)
    view.setUint32(4, 100, true)
    expect(() => [...nodeEntries(node, 0, {})]).toThrow(damaged)
  })

  it('of extended attributes go on', () => {
    const list = Uint8Array.of(3, 0, 0, 0, 0, 1, 1, 0, 97, 0, 98, 0)
    expect(() => decodeExtendedAttributes(list, 5)).toThrow(damaged)
    list[0] = 0
    expect([...decodeExtendedAttributes(list, 5)]).toEqual([['a', Uint8Array.of(98)]])
  })

  it('of links have targets within them', () => {
    const bytes = Uint8Array.of(0x0c, 0, 0, 0xa0, 16, 0, 0, 0, 0, 0, 4, 0, 0, 0, 100, 0, 0, 0, 0, 0, 97, 0, 98, 0)
    const link = decodeReparsePoint(bytes, {})
    expect(reparsedType(link, false)).toBe('symlink')
    expect(() => linkTarget(link, {})).toThrow(damaged)
    bytes[14] = 2
    expect(linkTarget(decodeReparsePoint(bytes, {}), {})).toBe('a')
    bytes[4] = 17
    expect(() => decodeReparsePoint(bytes, {})).toThrow(damaged)
  })
})
