import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { run, tempFolder } from 'holdfast-lab'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { DiskImage } from '../src/image/disk-image.js'
import type { ImageWriter } from '../src/image/image-writer.js'
import { openImage } from '../src/image/open-image.js'
import { geometryOf } from '../src/vhd/geometry.js'
import { createVhd, type VhdWriterOptions, vhdCodec } from '../src/vhd/index.js'
import { describeJudged, type Judge, judges } from './support/judges.js'
import { type MatrixCase, matrixCase } from './support/matrix.js'
import { besideImage, realFile, realStore } from './support/real-file.js'
import { sampleDisk, writeDisk } from './support/sample-disk.js'
import { encodeChild, encodeVhd } from './support/vhd-encoder.js'

const kibibyte = 1024
const mebibyte = 2 ** 20
const gibibyte = 2 ** 30
const sizeBytes = 40 * mebibyte + 512
const disk = sampleDisk(sizeBytes)
const modifiedAt = new Date('2026-11-22T12:00:00Z')
const { qemuImg, sevenZip, libvhdi } = judges

async function open(path: string): Promise<DiskImage> {
  return openImage(await realFile(path), { codecs: [vhdCodec], open: besideImage })
}

/** SHA-256 of the disk as Holdfast reads it. */
async function ourDigest(path: string): Promise<string> {
  await using image = await open(path)
  const hash = createHash('sha256')
  const buffer = new Uint8Array(mebibyte)
  for (let at = 0; at < image.sizeBytes; at += buffer.byteLength) {
    const part = buffer.subarray(0, Math.min(buffer.byteLength, image.sizeBytes - at))
    await image.read(at, part)
    hash.update(part)
  }
  return hash.digest('hex')
}

function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

async function make(
  path: string,
  options: VhdWriterOptions,
  write: (writer: ImageWriter) => Promise<void>,
): Promise<void> {
  await using store = await realStore(path)
  await write(await createVhd(store, options))
}

function infoOf(path: string): { readonly 'virtual-size': number } {
  return JSON.parse(run('qemu-img', 'info', '-f', 'vpc', '--output=json', path))
}

describeJudged('vhd against other programs', () => {
  const { at } = tempFolder(afterAll)
  const raw = at('disk.raw')
  beforeAll(() => writeFileSync(raw, disk))

  /** One cell of the matrix; without a judge Holdfast reads. */
  const cell = (
    { image, writtenBy, outcome, note }: Omit<MatrixCase, 'readBy'>,
    judge: Judge | undefined,
    path: string,
    expected: () => Uint8Array,
  ) =>
    matrixCase(
      { image, writtenBy, readBy: judge?.name ?? 'holdfast', ...(outcome && { outcome }), ...(note && { note }) },
      async () => ({
        digest: digestOf(expected()),
        read: () => (judge === undefined ? ourDigest(path) : judge.digest(path, 'vhd')),
      }),
    )

  const written: readonly { readonly image: string; readonly options: VhdWriterOptions }[] = [
    { image: 'vhd fixed', options: { variant: 'fixed', sizeBytes } },
    { image: 'vhd dynamic', options: { variant: 'dynamic', sizeBytes } },
    { image: 'vhd dynamic, blocks of 512 KiB', options: { variant: 'dynamic', sizeBytes, blockBytes: 512 * kibibyte } },
    { image: 'vhd dynamic, blocks of 64 KiB', options: { variant: 'dynamic', sizeBytes, blockBytes: 64 * kibibyte } },
    { image: 'vhd dynamic, blocks of 8 MiB', options: { variant: 'dynamic', sizeBytes, blockBytes: 8 * mebibyte } },
  ]
  for (const [index, { image, options }] of written.entries()) {
    const path = at(`written-${index}.vhd`)
    beforeAll(() => make(path, options, (writer) => writeDisk(writer, disk)))
    for (const judge of [qemuImg, sevenZip, libvhdi, undefined])
      cell({ image, writtenBy: 'holdfast' }, judge, path, () => disk)
    it(`${image}, written by holdfast: every program reports the exact size`, () => {
      expect(infoOf(path)['virtual-size']).toBe(sizeBytes)
      expect(run('7zz', 'l', '-slt', '-tVHD', path)).toContain(`\nSize = ${sizeBytes}\n`)
      expect(run('vhdiinfo', path)).toContain(`(${sizeBytes} bytes)`)
    })
  }

  it.each([512, 1536, 3 * gibibyte + 512, 127 * gibibyte + 512, 504 * gibibyte + 1536, 2040 * gibibyte])(
    'every program reports the exact size of a dynamic disk of %i bytes',
    async (size) => {
      const path = at(`size-${size}.vhd`)
      await make(path, { variant: 'dynamic', sizeBytes: size }, (writer) => writer.close())
      expect(infoOf(path)['virtual-size']).toBe(size)
      expect(run('7zz', 'l', '-slt', '-tVHD', path)).toContain(`\nSize = ${size}\n`)
      expect(run('vhdiinfo', path)).toContain(`${size} bytes`)
    },
  )

  it('qemu-img map finds data in the same blocks', async () => {
    const path = at('written-2.vhd')
    const map: readonly { readonly start: number; readonly length: number; readonly data: boolean }[] = JSON.parse(
      run('qemu-img', 'map', '-f', 'vpc', '--output=json', path),
    )
    const ends = new Map<number, number>()
    let start: number | undefined
    for (const piece of map) {
      start = piece.data ? (start ?? piece.start) : undefined
      if (start !== undefined) ends.set(start, piece.start + piece.length)
    }
    await using image = await open(path)
    const ours = new Map<number, number>()
    for await (const { kind, offset, length } of image.extents())
      if (kind === 'data') ours.set(offset, Math.min(offset + length, sizeBytes))
    expect(ours.size).toBeGreaterThan(3)
    expect(ours).toEqual(ends)
  })

  it('a disk that qemu-io wrote to after Holdfast made it reads the same in both', async () => {
    const path = at('rewritten.vhd')
    await make(path, { variant: 'dynamic', sizeBytes }, (writer) => writeDisk(writer, disk))
    run('qemu-io', '-f', 'vpc', '-c', 'write -q -P 0xaa 11M 65536', '-c', 'write -q -P 0x55 512 512', path)
    expect(await ourDigest(path)).toBe(await qemuImg.digest(path, 'vhd'))
    await using image = await open(path)
    for await (const problem of image.problems()) expect(problem).toBeUndefined()
  })

  for (const subformat of ['dynamic', 'fixed'])
    for (const forced of ['on', 'off'])
      for (const size of [sizeBytes, 5 * mebibyte, 3 * mebibyte + 1536]) {
        const image = `vhd ${subformat} of ${size} bytes, force_size=${forced}`
        const path = at(`qemu-${subformat}-${forced}-${size}.vhd`)
        const source = at(`source-${size}.raw`)
        // Rounded up to a geometry: zeros follow the disk.
        const expected = () => {
          const rounded = new Uint8Array(infoOf(path)['virtual-size'])
          rounded.set(disk.subarray(0, size))
          return rounded
        }
        beforeAll(() => {
          writeFileSync(source, disk.subarray(0, size))
          const options = `subformat=${subformat},force_size=${forced}`
          run('qemu-img', 'convert', '-f', 'raw', '-O', 'vpc', '-o', options, source, path)
        })
        cell({ image, writtenBy: 'qemu-img' }, undefined, path, expected)
        it(`${image}, written by qemu-img: nothing is wrong with it`, async () => {
          await using opened = await open(path)
          expect(opened.layers[0].variant).toBe(subformat)
          expect(opened.sizeBytes % 512).toBe(0)
          for await (const problem of opened.problems()) expect(problem).toBeUndefined()
        })
      }

  it('an empty disk of qemu-img as large as VHD can be is walked at once', async () => {
    const path = at('largest.vhd')
    run('qemu-img', 'create', '-q', '-f', 'vpc', '-o', 'force_size=on', path, `${2040 * gibibyte}`)
    await using image = await open(path)
    const begun = performance.now()
    const extents = []
    for await (const extent of image.extents()) extents.push(extent)
    expect(performance.now() - begun).toBeLessThan(1000)
    expect(extents).toEqual([{ offset: 0, length: 2040 * gibibyte, kind: 'unallocated', depth: 1 }])
  })

  const unmarked = at('unmarked.vhd')
  const unmarkedDisk = new Uint8Array(4 * mebibyte).fill(7, 2 * mebibyte)
  beforeAll(() => {
    const block = { index: 1, sectors: [0, 1, 2, 3, 4, 5, 6, 7], data: unmarkedDisk.subarray(2 * mebibyte) }
    const { bytes } = encodeVhd({ sizeBytes: unmarkedDisk.byteLength, blockBytes: 2 * mebibyte, blocks: [block] })
    writeFileSync(unmarked, bytes)
  })
  const unmarkedMatrix = {
    image: 'vhd dynamic, data in sectors marked as unwritten',
    writtenBy: 'the encoder of the tests',
  }
  cell(unmarkedMatrix, undefined, unmarked, () => unmarkedDisk)
  cell(unmarkedMatrix, qemuImg, unmarked, () => unmarkedDisk)
  cell({ ...unmarkedMatrix, outcome: 'refuses', note: 'it trusts the bitmap' }, sevenZip, unmarked, () => unmarkedDisk)
  cell({ ...unmarkedMatrix, outcome: 'differs', note: 'it trusts the bitmap' }, libvhdi, unmarked, () => unmarkedDisk)

  it.each([1, 5, 100, 140, 517, 1000, 8100, 32_300, 65_535, 100_000])(
    'the geometry of a disk of about %i MiB is the one that qemu-img calculates',
    async (mebibytes) => {
      const path = at(`geometry-${mebibytes}.vhd`)
      run('qemu-img', 'create', '-q', '-f', 'vpc', path, `${mebibytes}M`)
      await using image = await open(path)
      const { cylinders, heads, sectorsPerTrack } = geometryOf(image.sizeBytes)
      expect(image.layers[0].details['geometry']).toBe(`${cylinders}/${heads}/${sectorsPerTrack}`)
    },
  )

  describeChildren(at, cell)
})

type Cell = (
  matrix: Omit<MatrixCase, 'readBy'>,
  judge: Judge | undefined,
  path: string,
  expected: () => Uint8Array,
) => void

/** Changes to a parent: where they begin and how long they are. */
type Changes = readonly (readonly [number, number])[]

/** Differencing disks, by us and by the encoder, over parents by us and by qemu-img. */
function describeChildren(at: (name: string) => string, cell: Cell): void {
  const parent = at('parent.vhd')
  const qemuParent = at('qemu-parent.vhd')
  const relative = (name: string) => `.\\${name}`
  const ignoresParent = {
    outcome: 'differs',
    note: 'it takes a differencing disk for a dynamic one, without a word',
  } as const
  const losesSectors = {
    outcome: 'differs',
    note: 'its bitmaps are wrong where a byte of them has both kinds of bits',
  } as const

  const parentId = '11111111-2222-4333-8444-555555555555'
  beforeAll(async () => {
    await make(parent, { variant: 'dynamic', sizeBytes, uniqueId: parentId }, (writer) => writeDisk(writer, disk))
    const options = 'subformat=dynamic,force_size=on'
    run('qemu-img', 'convert', '-f', 'raw', '-O', 'vpc', '-o', options, at('disk.raw'), qemuParent)
  })

  /** Writes a child that holds `changes`, and returns what the disk then is. */
  const makeChild = async (path: string, under: string, size: number, changes: Changes) => {
    await using below = await open(under)
    const expected = new Uint8Array(size)
    await below.read(0, expected.subarray(0, below.sizeBytes))
    const options: VhdWriterOptions = {
      variant: 'differencing',
      sizeBytes: size,
      parent: {
        uniqueId: below.layers[0].identity ?? '',
        modifiedAt,
        sizeBytes: below.sizeBytes,
        relativePath: relative(under.split('/').at(-1) ?? ''),
        absolutePath: `C:\\disks\\${under.split('/').at(-1)}`,
      },
      readParent: below.read,
    }
    await make(path, options, async (writer) => {
      for (const [index, [offset, length]] of changes.entries()) {
        const bytes = new Uint8Array(length).fill(0x41 + index)
        await writer.write(offset, bytes)
        expected.set(bytes, offset)
      }
      // Zeros hide the parent: in blocks that the child has, and in those it has not.
      await writer.zero(20 * mebibyte, 65_536)
      await writer.zero(33 * mebibyte, 4096)
      expected.fill(0, 20 * mebibyte, 20 * mebibyte + 65_536)
      expected.fill(0, 33 * mebibyte, 33 * mebibyte + 4096)
      await writer.close()
    })
    return expected
  }

  const wholeBytesOfBitmap: Changes = [
    [0, 4096],
    [2 * mebibyte - 4096, 8192],
    [11 * mebibyte, 3 * mebibyte],
    [20 * mebibyte + 32_768, 65_536],
  ]
  // Every third sector, sectors written in part, and the sector that ends the disk.
  const scattered: Changes = [
    ...Array.from({ length: 16 }, (_, index) => [mebibyte + index * 3 * 512, 512] as const),
    [3 * mebibyte + 100, 1000],
    [12 * mebibyte + 511, 2],
    [sizeBytes - 512, 512],
  ]

  for (const [under, name] of [
    ['parent.vhd', 'holdfast'],
    ['qemu-parent.vhd', 'qemu-img'],
  ] as const)
    for (const [kind, changes] of [
      ['whole bytes of bitmaps', wholeBytesOfBitmap],
      ['scattered sectors', scattered],
    ] as const) {
      const image = `vhd differencing (${kind}) over a parent by ${name}`
      const path = at(`child-${name}-${kind.length}.vhd`)
      let expected = new Uint8Array()
      beforeAll(async () => {
        expected = await makeChild(path, at(under), sizeBytes, changes)
      })
      const matrix = { image, writtenBy: 'holdfast' }
      cell(matrix, sevenZip, path, () => expected)
      if (kind === 'whole bytes of bitmaps') cell(matrix, libvhdi, path, () => expected)
      else cell({ ...matrix, ...losesSectors }, libvhdi, path, () => expected)
      cell({ ...matrix, ...ignoresParent }, qemuImg, path, () => expected)
      cell(matrix, undefined, path, () => expected)
    }

  for (const [kind, size, refusal] of [
    ['as large as its parent', sizeBytes, undefined],
    [
      'larger than its parent',
      sizeBytes + 4 * mebibyte,
      { outcome: 'refuses', note: 'it reads past the end of the parent' } as const,
    ],
  ] as const) {
    const image = `vhd differencing over a differencing disk, ${kind}`
    const path = at(`grandchild-${size}.vhd`)
    let expected = new Uint8Array()
    beforeAll(async () => {
      await makeChild(at(`middle-${size}.vhd`), parent, sizeBytes, scattered)
      expected = await makeChild(path, at(`middle-${size}.vhd`), size, [
        [mebibyte + 512, 1024],
        [sizeBytes - 1024, Math.min(5000, size - sizeBytes + 1024)],
      ])
    })
    cell({ image, writtenBy: 'holdfast', ...refusal }, sevenZip, path, () => expected)
    cell({ image, writtenBy: 'holdfast' }, undefined, path, () => expected)
  }

  const encoded = at('encoded.vhd')
  let expectedOfEncoded = new Uint8Array()
  beforeAll(() => {
    const sectors = new Map(
      [...Array.from({ length: 16 }, (_, index) => 2048 + 3 * index), 30_000].map((sector) => [
        sector,
        new Uint8Array(512).fill(sector % 251),
      ]),
    )
    const names = { relative: '.\\qemu-parent.vhd', absolute: 'D:\\qemu-parent.vhd', name: 'qemu-parent.vhd' }
    writeFileSync(encoded, encodeChild(readFileSync(qemuParent), sectors, names))
    expectedOfEncoded = disk.slice()
    for (const [sector, bytes] of sectors) expectedOfEncoded.set(bytes, sector * 512)
  })
  const encodedMatrix = { image: 'vhd differencing over a parent by qemu-img', writtenBy: 'the encoder of the tests' }
  for (const judge of [sevenZip, undefined]) cell(encodedMatrix, judge, encoded, () => expectedOfEncoded)
  cell({ ...encodedMatrix, ...losesSectors }, libvhdi, encoded, () => expectedOfEncoded)
  cell({ ...encodedMatrix, ...ignoresParent }, qemuImg, encoded, () => expectedOfEncoded)
}
