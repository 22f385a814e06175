import { tarHeader } from '@holdfast/formats/tar'
import { describe, expect, it } from 'vitest'
import { listOva, ovaParts, partOf, readOva } from '../src/index.js'
import { fixture } from './support/fixtures.js'
import { type Content, memorySource, ovaOf, textBytes } from './support/memory-ova.js'
import { refusal, refusalOf } from './support/refusal.js'

const epoch = new Date(0)
const gibibyte = 1024 ** 3
const digest = 'a'.repeat(64)
const contents: readonly Content[] = [
  { name: 'db.ovf', bytes: textBytes(fixture('ovftool.ovf')) },
  { name: 'db.mf', bytes: textBytes(`SHA256(db.ovf)= ${digest}\n`) },
  { name: 'db.cert', bytes: textBytes('certificate') },
  { name: 'db-disk1.vmdk', bytes: textBytes('disk one') },
  { name: `${'long '.repeat(30)}Ümlaut.vmdk`, bytes: new Uint8Array(1025).fill(7) },
]

describe('an OVA', () => {
  it('gives machines, manifest and the places of its files', async () => {
    const ova = await readOva(memorySource(ovaOf(contents)))
    expect(ova.machines.map(({ name }) => name)).toEqual(['db & co'])
    expect(ova.members.map(({ name, sizeBytes }) => [name, sizeBytes])).toEqual(
      contents.map(({ name, bytes }) => [name, bytes.length]),
    )
    expect(ova.manifest).toEqual([{ file: 'db.ovf', algorithm: 'sha256', digest }])
    expect(ova.certificate?.name).toBe('db.cert')
  })

  it('is listed without reading disks, which are then read in place', async () => {
    const disk = new Uint8Array(3_000_000).map((_, index) => index % 251)
    const source = memorySource(ovaOf([...contents, { name: 'big.vmdk', bytes: disk }]))
    const members = await listOva(source)
    expect(source.readBytes()).toBeLessThan(10_000)
    const member = members.find(({ name }) => name === 'big.vmdk')
    if (member === undefined) throw new Error('no such member')
    const part = partOf(source, member)
    const into = new Uint8Array(1000)
    await part.read(1_234_567, into)
    expect(into).toEqual(disk.slice(1_234_567, 1_235_567))
    await expect(part.read(disk.length - 999, into)).rejects.toThrow(RangeError)
    await expect(part.read(-1, into)).rejects.toThrow(RangeError)
  })

  it('has a disk larger than 8 GiB, whose size an octal field cannot hold', async () => {
    const parts = [
      ...ovaParts([
        { name: 'a.ovf', sizeBytes: 1 },
        { name: 'a.vmdk', sizeBytes: 9000 * gibibyte + 5 },
      ]),
    ]
    const last = parts.at(-1)
    const end = (last?.offset ?? 0) + 1024
    const source = {
      sizeBytes: end,
      read: async (offset: number, into: Uint8Array) => {
        into.fill(0)
        for (const part of parts) {
          if (part.kind === 'bytes' && part.offset === offset) into.set(part.bytes.subarray(0, into.length))
        }
      },
    }
    expect((await listOva(source)).map(({ sizeBytes }) => sizeBytes)).toEqual([1, 9000 * gibibyte + 5])
    expect(end % 512).toBe(0)
  })
})

it.each([
  [8 * gibibyte - 1, 0x37],
  [8 * gibibyte, 0x80],
])('writes a size of %i so that its field ends, or in base 256', (sizeBytes, first) => {
  const block = tarHeader({ name: 'a', sizeBytes, type: '0' }, { modifiedAt: epoch })
  expect(block[124]).toBe(first)
  expect(block[135]).toBe(0)
})

function archive(...blocks: readonly Uint8Array[]): Uint8Array {
  const padded = blocks.map((block) => Buffer.concat([block, Buffer.alloc(-block.length & 511)]))
  return new Uint8Array(Buffer.concat([...padded, Buffer.alloc(1024)]))
}

const header = (name: string, sizeBytes: number, type = '0') =>
  tarHeader({ name, sizeBytes, type }, { modifiedAt: epoch })

describe('a tar archive', () => {
  it('may have long names of GNU, names and sizes of PAX, folders, and no end', async () => {
    const longName = `${'d/'.repeat(80)}disk.vmdk`
    const record = textBytes('20 path=b/../c.vmdk\n')
    const bytes = archive(
      header('folder/', 0, '5'),
      header('././@LongLink', longName.length + 1, 'L'),
      textBytes(`${longName}\0`),
      header('cut', 3),
      textBytes('abc'),
      header('pax', record.length + 9, 'x'),
      Buffer.concat([record, textBytes('9 size=4\n')]),
      header('ignored', 1),
      textBytes('wxyz'),
    )
    const expected = [
      { name: longName, sizeBytes: 3 },
      { name: 'b/../c.vmdk', sizeBytes: 4 },
    ]
    expect(await listOva(memorySource(bytes))).toMatchObject(expected)
    expect(await listOva(memorySource(bytes.subarray(0, -1024)))).toMatchObject(expected)
  })

  it('may split names by a prefix', async () => {
    const block = header('disk.vmdk', 0)
    block.set(textBytes('some/folder'), 345)
    block.fill(0x20, 148, 156)
    const sum = block.reduce((total, byte) => total + byte, 0)
    block.set(textBytes(`${sum.toString(8).padStart(6, '0')}\0 `), 148)
    expect(await listOva(memorySource(archive(block)))).toMatchObject([{ name: 'some/folder/disk.vmdk' }])
  })

  const damaged = header('a', 0)
  damaged[0] = 0x62
  const negative = header('a', 0)
  negative.fill(0xff, 124, 136)
  it.each([
    ['nothing', new Uint8Array()],
    ['only an end', new Uint8Array(1024)],
    ['text', textBytes('<?xml'.repeat(500))],
    ['a damaged header', archive(damaged)],
    ['a negative size', archive(negative)],
    ['a file that is cut off', archive(header('a', 5000))],
    ['a size beyond all', archive(header('a', 2 ** 52))],
    ['a link', archive(header('a', 0, '2'))],
    ['a hard link', archive(header('a', 0, '1'))],
    ['a device', archive(header('a', 0, '3'))],
    ['a sparse file of GNU', archive(header('a', 0, 'S'))],
    ['a sparse file of PAX', archive(header('x', 22, 'x'), textBytes('22 GNU.sparse.major=1\n'), header('a', 0))],
    ['attributes that are wrong', archive(header('x', 5, 'x'), textBytes('99 a='), header('a', 0))],
    ['a size of PAX that is none', archive(header('x', 10, 'x'), textBytes('10 size=x\n'), header('a', 0))],
    ['attributes without bound', archive(header('x', 70_000, 'x'), new Uint8Array(70_000))],
    ['a file without a name', archive(header('', 0))],
    ['a name twice', archive(header('a', 0), header('a', 0))],
    ['headers without end', archive(...Array.from({ length: 17_000 }, () => header('d/', 0, '5')))],
  ])('is refused when it has %s', async (_what, bytes) => {
    const error = await refusalOf(listOva(memorySource(bytes)))
    expect(error).toMatchObject({ code: 'E_SOURCE_INVALID', context: { format: 'ova' } })
    expect(error.hint).toBeTruthy()
  })

  it('is no OVA without a single descriptor, and a descriptor has a bound', async () => {
    const none = await refusalOf(readOva(memorySource(archive(header('a.vmdk', 0)))))
    expect(none.message).toContain('descriptor')
    const two = await refusalOf(readOva(memorySource(archive(header('a.ovf', 0), header('b.ovf', 0)))))
    expect(two.message).toContain('descriptor')
    const size = 8 * 1024 ** 2 + 1
    const long = await refusalOf(readOva(memorySource(archive(header('a.ovf', size), new Uint8Array(size)))))
    expect(long.message).toContain('longer')
  })
})

describe('writing an OVA', () => {
  const file = (name: string, sizeBytes = 1) => ({ name, sizeBytes })
  it.each([
    ['no descriptor', [file('a.vmdk')]],
    ['nothing', []],
    ['the manifest after a disk', [file('a.ovf'), file('a.vmdk'), file('a.mf')]],
    ['the manifest first', [file('a.mf'), file('a.ovf')]],
    ['the certificate before the manifest', [file('a.ovf'), file('a.cert'), file('a.mf')]],
    ['two descriptors', [file('a.ovf'), file('b.ovf')]],
    ['a name twice', [file('a.ovf'), file('b'), file('b')]],
    ['a path', [file('a.ovf'), file('../b.vmdk')]],
    ['a path of Windows', [file('a.ovf'), file('c\\b.vmdk')]],
    ['only dots', [file('a.ovf'), file('..')]],
    ['a control character', [file('a.ovf'), file('b\n')]],
    ['no name', [file('a.ovf'), file('')]],
    ['half a byte', [file('a.ovf', 0.5)]],
    ['a negative size', [file('a.ovf', -1)]],
  ])('refuses %s', (_what, files) => {
    expect(refusal(() => [...ovaParts(files)]).code).toBe('E_PLACEMENT')
  })

  it('is the same for the same content, unless a time is given', () => {
    expect(ovaOf(contents)).toEqual(ovaOf(contents))
    const dated = ovaOf(contents, { modifiedAt: new Date('2026-11-22T17:00:00Z') })
    expect(dated).not.toEqual(ovaOf(contents))
    expect(dated.length).toBe(ovaOf(contents).length)
  })
})
