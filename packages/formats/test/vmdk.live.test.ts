import { writeFileSync } from 'node:fs'
import { run, tempFolder } from 'holdfast-lab'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createVmdk, type VmdkKind, type VmdkWriterOptions } from '../src/vmdk/index.js'
import { describeJudged, type Judge, judges } from './support/judges.js'
import { type MatrixCase, matrixCase } from './support/matrix.js'
import { realStore } from './support/real-file.js'
import { sampleDisk } from './support/sample-disk.js'
import { encodeCowd } from './support/vmdk-cowd.js'
import { descriptorText } from './support/vmdk-descriptor.js'
import { digestOf, openVmdk, ourDigest, problemsOf, writeVmdk } from './support/vmdk-files.js'
import { encodeSeSparse } from './support/vmdk-se-sparse.js'

const disk = sampleDisk()
const digest = digestOf(disk)
const mebibyte = 2 ** 20

type Known = Partial<Record<Judge['name'], Required<Pick<MatrixCase, 'outcome' | 'note'>>>>

/** What the judges are known not to do. */
const defects = {
  noFlat: { libvmdk: { outcome: 'refuses', note: 'vmdkmount takes no monolithicFlat, whoever wrote it' } },
  noPlainStream: { '7zz': { outcome: 'refuses', note: 'wants the directory at the end of a stream' } },
  noCowd: { '7zz': { outcome: 'refuses', note: 'does not know COWD' } },
  noSeSparse: {
    '7zz': { outcome: 'refuses', note: 'does not know seSparse' },
    libvmdk: { outcome: 'refuses', note: 'does not know seSparse' },
  },
  noChildren: { '7zz': { outcome: 'refuses', note: 'reads no disk that has a parent' } },
  noZeroedGrains: {
    '7zz': { outcome: 'refuses', note: 'reads no disk that has a parent' },
    libvmdk: { outcome: 'differs', note: 'reads a zeroed grain, entry 1, as sector 1 of the file: its descriptor' },
  },
} as const satisfies Record<string, Known>

describeJudged('VMDK and its judges', () => {
  const { at } = tempFolder(afterAll)
  beforeAll(() => writeFileSync(at('disk.raw'), disk))

  /** Lets every judge but the one that wrote it, and this package, read an image. */
  const readByAll = (
    image: string,
    writtenBy: string,
    path: string,
    known: Known = {},
    wanted: () => string = () => digest,
  ) => {
    const readers: readonly (readonly [Judge['name'], () => Promise<string>])[] = [
      ['qemu-img', () => judges.qemuImg.digest(path, 'vmdk')],
      ['7zz', () => judges.sevenZip.digest(path, 'vmdk')],
      ['libvmdk', () => judges.libvmdk.digest(path)],
    ]
    for (const [readBy, read] of readers)
      if (readBy !== writtenBy)
        matrixCase({ image: `vmdk ${image}`, writtenBy, readBy, ...known[readBy] }, async () => ({
          digest: wanted(),
          read,
        }))
    readByUs(image, writtenBy, path, wanted)
  }

  const readByUs = (image: string, writtenBy: string, path: string, wanted = () => digest) => {
    matrixCase({ image: `vmdk ${image}`, writtenBy, readBy: 'holdfast' }, async () => ({
      digest: wanted(),
      read: () => ourDigest(path),
    }))
  }

  const ours: readonly (readonly [VmdkKind, Partial<VmdkWriterOptions>, Known?])[] = [
    ['monolithicSparse', {}],
    ['monolithicSparse', { adapterType: 'ide', hardwareVersion: 14, toolsVersion: 11_365 }],
    ['monolithicFlat', { adapterType: 'buslogic' }, defects.noFlat],
    ['twoGbMaxExtentSparse', { adapterType: 'legacyESX' }],
    ['twoGbMaxExtentFlat', {}],
    ['vmfs', { thinProvisioned: true }],
    ['streamOptimized', {}],
    ['streamOptimized', { compressionLevel: 9, adapterType: 'ide' }],
  ]
  for (const [kind, options, known] of ours) {
    const image = [kind, ...Object.entries(options).map(([key, value]) => `${key}=${value}`)].join(' ')
    const path = at(`${['ours', kind, ...Object.values(options)].join('-')}.vmdk`)
    beforeAll(() => writeVmdk(path, disk, { kind, cid: '0badcafe', ...options }))
    readByAll(image, 'holdfast', path, known)
    it(`${image}: qemu-img finds it clean and agrees on size, kind and id`, () => {
      expect(run('qemu-img', 'check', '-f', 'vmdk', path)).toContain('No errors were found')
      const info = JSON.parse(run('qemu-img', 'info', '-f', 'vmdk', '--output=json', path))
      expect(info['virtual-size']).toBe(disk.byteLength)
      expect(info['format-specific'].data).toMatchObject({ 'create-type': kind, cid: 0x0badcafe })
    })
    it(`${image}: our check finds nothing`, async () => {
      await using image = await openVmdk(path)
      expect(await problemsOf(image)).toEqual([])
    })
  }

  /** Images of qemu-img; those that `known` stands beside show what its fellow judges make of them. */
  const theirs: readonly (readonly [name: string, options: string, known?: Known])[] = [
    ['monolithicSparse', 'subformat=monolithicSparse', {}],
    ['monolithicSparse lsilogic', 'subformat=monolithicSparse,adapter_type=lsilogic,hwversion=14'],
    ['monolithicSparse compat6', 'subformat=monolithicSparse,adapter_type=buslogic,compat6=on'],
    ['monolithicSparse zeroed_grain', 'subformat=monolithicSparse,zeroed_grain=on,toolsversion=12345'],
    ['monolithicFlat', 'subformat=monolithicFlat,adapter_type=legacyESX', defects.noFlat],
    ['twoGbMaxExtentSparse', 'subformat=twoGbMaxExtentSparse', {}],
    ['twoGbMaxExtentSparse zeroed_grain', 'subformat=twoGbMaxExtentSparse,zeroed_grain=on'],
    ['twoGbMaxExtentFlat', 'subformat=twoGbMaxExtentFlat'],
    ['streamOptimized', 'subformat=streamOptimized', defects.noPlainStream],
    ['streamOptimized zeroed_grain', 'subformat=streamOptimized,zeroed_grain=on'],
    ['streamOptimized lsilogic', 'subformat=streamOptimized,adapter_type=lsilogic,hwversion=17'],
  ]
  for (const [image, options, known] of theirs) {
    const path = at(`qemu-${image.replace(' ', '-')}.vmdk`)
    beforeAll(() => {
      run('qemu-img', 'convert', '-f', 'raw', '-O', 'vmdk', '-o', options, at('disk.raw'), path)
    })
    if (known === undefined) readByUs(image, 'qemu-img', path)
    else readByAll(image, 'qemu-img', path, known)
    it(`${image} of qemu-img: our check finds nothing, and we agree on the id`, async () => {
      await using image = await openVmdk(path)
      expect(await problemsOf(image)).toEqual([])
      const info = JSON.parse(run('qemu-img', 'info', '-f', 'vmdk', '--output=json', path))
      expect(Number(`0x${image.layers[0].identity}`)).toBe(info['format-specific'].data.cid)
    })
  }

  describeJudged('descriptors made by hand', () => {
    const cases: readonly (readonly [name: string, type: string, line: string, file: string, known?: Known])[] = [
      ['vmfs', 'vmfs', 'RW # VMFS "hand-flat.vmdk"', 'hand-flat.vmdk'],
      [
        'vmfsSparse, grains of 1 sector',
        'vmfsSparse',
        'RW # VMFSSPARSE "cowd1-delta.vmdk"',
        'cowd1-delta.vmdk',
        defects.noCowd,
      ],
      [
        'vmfsSparse, grains of 8 sectors',
        'vmfsSparse',
        'RW # VMFSSPARSE "cowd8-delta.vmdk"',
        'cowd8-delta.vmdk',
        defects.noCowd,
      ],
      ['seSparse', 'seSparse', 'RW # SESPARSE "se-sesparse.vmdk"', 'se-sesparse.vmdk', defects.noSeSparse],
    ]
    beforeAll(() => {
      writeFileSync(at('hand-flat.vmdk'), disk)
      writeFileSync(at('cowd1-delta.vmdk'), encodeCowd(disk))
      writeFileSync(at('cowd8-delta.vmdk'), encodeCowd(disk, { grainSectors: 8 }))
      writeFileSync(at('se-sesparse.vmdk'), encodeSeSparse(disk, { firstGrain: 4000 }))
      for (const [, type, line, file] of cases)
        writeFileSync(
          at(`${file}-descriptor.vmdk`),
          descriptorText(type, [line.replace('#', `${disk.byteLength / 512}`)]),
        )
    })
    for (const [image, , , file, known] of cases) readByAll(image, 'test encoder', at(`${file}-descriptor.vmdk`), known)
  })

  describeJudged('children', () => {
    /** What both writers change of the parent: parts of grains, whole grains, zeros over data, the end. */
    const writes = [
      { offset: 512, length: 1024, value: 0x55 },
      { offset: 2 * mebibyte - 3 * 512, length: 2 * mebibyte, value: 0x66 },
      { offset: disk.byteLength - 512, length: 512, value: 0x77 },
      { offset: 10 * mebibyte, length: 512, value: 0x88 },
    ]
    const zeros = { offset: 33 * mebibyte, length: mebibyte / 2 }
    const changed = disk.slice()
    for (const { offset, length, value } of writes) changed.fill(value, offset, offset + length)
    changed.fill(0, zeros.offset, zeros.offset + zeros.length)
    const changedDigest = () => digestOf(changed)

    const writeChild = async (name: string, parentName: string, kind: VmdkKind, zeroes: boolean) => {
      await using parent = await openVmdk(at(parentName))
      await using store = await realStore(at(name))
      const others: AsyncDisposable[] = []
      const writer = await createVmdk(store, {
        kind,
        name,
        sizeBytes: disk.byteLength,
        parent: { fileNameHint: parentName, image: parent },
        create: async (other) => {
          const made = await realStore(at(other))
          others.push(made)
          return made
        },
      })
      await Promise.all([
        ...writes.map(({ offset, length, value }) => writer.write(offset, new Uint8Array(length).fill(value))),
        zeroes ? writer.zero(zeros.offset, zeros.length) : writer.write(zeros.offset, new Uint8Array(zeros.length)),
      ])
      await writer.close()
      for (const other of others) await other[Symbol.asyncDispose]()
    }
    const writeChildByQemu = (path: string, parentName: string, options: string) => {
      run('qemu-img', 'create', '-q', '-f', 'vmdk', '-b', parentName, '-F', 'vmdk', '-o', options, path)
      const commands = writes.map(({ offset, length, value }) => `write -q -P ${value} ${offset} ${length}`)
      commands.push(`write -q -z ${zeros.offset} ${zeros.length}`)
      run('qemu-io', '-f', 'vmdk', ...commands.flatMap((command) => ['-c', command]), path)
    }

    beforeAll(async () => {
      await writeVmdk(at('base.vmdk'), disk, {})
      run('qemu-img', 'convert', '-f', 'raw', '-O', 'vmdk', at('disk.raw'), at('qemu-base.vmdk'))
      await writeChild('child.vmdk', 'base.vmdk', 'monolithicSparse', true)
      await writeChild('child2.vmdk', 'qemu-base.vmdk', 'twoGbMaxExtentSparse', true)
      await writeChild('child3.vmdk', 'qemu-base.vmdk', 'monolithicSparse', false)
      writeChildByQemu(at('qemu-child.vmdk'), 'base.vmdk', 'subformat=monolithicSparse,zeroed_grain=on')
      writeChildByQemu(at('qemu-child2.vmdk'), 'qemu-base.vmdk', 'subformat=twoGbMaxExtentSparse')
      // Snapshots as ESX makes them: over a flat parent.
      writeFileSync(at('esx-flat.vmdk'), disk)
      writeFileSync(at('esx.vmdk'), descriptorText('vmfs', [`RW ${disk.byteLength / 512} VMFS "esx-flat.vmdk"`]))
      const differs = (bytes: number) => (grain: number) =>
        !Buffer.from(disk.subarray(grain * bytes, (grain + 1) * bytes)).equals(
          changed.subarray(grain * bytes, (grain + 1) * bytes),
        )
      const isChangedSector = differs(512)
      const isChangedGrain = differs(4096)
      writeFileSync(at('esx-1-delta.vmdk'), encodeCowd(changed, { isStored: isChangedSector }))
      writeFileSync(
        at('esx-2-sesparse.vmdk'),
        encodeSeSparse(changed, {
          stateOf: (grain, bytes) => {
            if (!isChangedGrain(grain)) return 'unallocated'
            if (bytes.some((byte) => byte !== 0)) return 'allocated'
            return grain % 2 === 0 ? 'zero' : 'unmapped'
          },
        }),
      )
      const further = { cid: 'c0ffee02', parentCid: 'c0ffee01', lines: ['parentFileNameHint="esx.vmdk"'] }
      const sectors = disk.byteLength / 512
      writeFileSync(
        at('esx-1.vmdk'),
        descriptorText('vmfsSparse', [`RW ${sectors} VMFSSPARSE "esx-1-delta.vmdk"`], further),
      )
      writeFileSync(
        at('esx-2.vmdk'),
        descriptorText('seSparse', [`RW ${sectors} SESPARSE "esx-2-sesparse.vmdk"`], further),
      )
    })

    const { noZeroedGrains, noChildren } = defects
    readByAll('monolithicSparse child', 'holdfast', at('child.vmdk'), noZeroedGrains, changedDigest)
    readByAll('twoGbMaxExtentSparse child', 'holdfast', at('child2.vmdk'), noZeroedGrains, changedDigest)
    readByAll('monolithicSparse child, zeros written', 'holdfast', at('child3.vmdk'), noChildren, changedDigest)
    readByAll('monolithicSparse child, zeroed_grain', 'qemu-img', at('qemu-child.vmdk'), noZeroedGrains, changedDigest)
    readByAll('twoGbMaxExtentSparse child', 'qemu-img', at('qemu-child2.vmdk'), noChildren, changedDigest)
    readByAll('vmfsSparse child of vmfs', 'test encoder', at('esx-1.vmdk'), noChildren, changedDigest)
    readByAll('seSparse child of vmfs', 'test encoder', at('esx-2.vmdk'), defects.noSeSparse, changedDigest)

    it.each(['base.vmdk', 'child.vmdk', 'child2.vmdk', 'qemu-child.vmdk', 'esx-1.vmdk', 'esx-2.vmdk'])(
      '%s: qemu-img maps the same data to the same files of the chain',
      async (name) => {
        await using image = await openVmdk(at(name))
        const known = []
        for await (const { kind, offset, length, depth } of image.extents())
          if (kind === 'data') known.push({ start: offset, length, depth })
        const map: readonly { start: number; length: number; depth: number; data: boolean }[] = JSON.parse(
          run('qemu-img', 'map', '-f', 'vmdk', '--output=json', at(name)),
        )
        const mapped: { start: number; length: number; depth: number }[] = []
        for (const { start, length, depth } of map.filter(({ data }) => data)) {
          const last = mapped.at(-1)
          if (last?.depth === depth && last.start + last.length === start) last.length += length
          else mapped.push({ start, length, depth })
        }
        expect(known).toEqual(mapped)
      },
    )

    it('a split disk of two extents: qemu-img compares equal around the seam', async () => {
      const sizeBytes = 2050 * mebibyte
      const seam = 2047 * mebibyte
      const piece = disk.subarray(mebibyte, 3 * mebibyte)
      for (const kind of ['twoGbMaxExtentSparse', 'twoGbMaxExtentFlat'] as const) {
        const others: AsyncDisposable[] = []
        const create = async (name: string) => {
          const store = await realStore(at(name))
          others.push(store)
          return store
        }
        const writer = await createVmdk(await create(`${kind}.vmdk`), { kind, sizeBytes, name: `${kind}.vmdk`, create })
        await writer.write(seam - mebibyte, piece)
        await writer.zero(seam - 4096, 8192)
        await writer.close()
        for (const other of others) await other[Symbol.asyncDispose]()
        await using raw = await realStore(at(`${kind}.raw`))
        await raw.resize(sizeBytes)
        await raw.write(seam - mebibyte, piece)
        await raw.zero(seam - 4096, 8192)
        expect(run('qemu-img', 'compare', '-f', 'raw', '-F', 'vmdk', at(`${kind}.raw`), at(`${kind}.vmdk`))).toContain(
          'identical',
        )
        expect(run('qemu-img', 'check', '-f', 'vmdk', at(`${kind}.vmdk`))).toContain('No errors')
        await using image = await openVmdk(at(`${kind}.vmdk`))
        expect(await problemsOf(image)).toEqual([])
      }
    })

    it('a parent that was written to since is refused by us, as by QEMU', async () => {
      run('qemu-img', 'convert', '-f', 'vmdk', '-O', 'vmdk', at('qemu-base.vmdk'), at('moved.vmdk'))
      writeChildByQemu(at('orphan.vmdk'), 'moved.vmdk', 'subformat=monolithicSparse')
      run('qemu-io', '-f', 'vmdk', '-c', 'write -q -P 1 0 512', at('moved.vmdk'))
      await expect(openVmdk(at('orphan.vmdk'))).rejects.toMatchObject({ code: 'parent-mismatch' })
      await expect(judges.qemuImg.digest(at('orphan.vmdk'), 'vmdk')).rejects.toThrow()
    })
  })
})
