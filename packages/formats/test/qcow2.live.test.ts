import { copyFileSync, writeFileSync } from 'node:fs'
import { run, tempFolder } from 'holdfast-lab'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createQcow2, type Qcow2WriterOptions } from '../src/qcow2/index.js'
import { describeJudged, judges } from './support/judges.js'
import { type MatrixCase, matrixCase } from './support/matrix.js'
import {
  digestOf,
  openReal,
  ownDigest,
  ownMap,
  problemsOf,
  qemuCheck,
  qemuDigest,
  qemuMap,
  writeReal,
} from './support/qcow2-disks.js'
import { everything, patterned, subclustered, versionTwo, zstdFrames } from './support/qcow2-samples.js'
import { realStore } from './support/real-file.js'
import { sampleDisk } from './support/sample-disk.js'

const disk = sampleDisk(24 * 2 ** 20 + 512)
const { at } = tempFolder(afterAll)
const raw = at('disk.raw')
const digest = digestOf(disk)

/** Makes a file once, for all cells that read it. */
const made = new Map<string, Promise<string>>()
function once(name: string, make: (path: string) => Promise<void> | void): Promise<string> {
  const known = made.get(name) ?? Promise.resolve(make(at(name))).then(() => at(name))
  made.set(name, known)
  return known
}

beforeAll(() => writeFileSync(raw, disk))

describeJudged('qcow2: written here', () => {
  const kinds: readonly { readonly name: string; readonly options: Omit<Qcow2WriterOptions, 'sizeBytes'> }[] = [
    { name: 'v3', options: {} },
    { name: 'v3, clusters of 512', options: { clusterBytes: 512 } },
    { name: 'v3, clusters of 2 MiB', options: { clusterBytes: 2 ** 21 } },
    { name: 'v3, zlib', options: { compression: { method: 'zlib' } } },
    {
      name: 'v3, zlib level 9, clusters of 4 KiB',
      options: { clusterBytes: 4096, compression: { method: 'zlib', level: 9 } },
    },
    {
      name: 'v3, zlib level 1, clusters of 512',
      options: { clusterBytes: 512, compression: { method: 'zlib', level: 1 } },
    },
    { name: 'v3, zlib, clusters of 2 MiB', options: { clusterBytes: 2 ** 21, compression: { method: 'zlib' } } },
    { name: 'v3, zstd', options: { compression: { method: 'zstd' } } },
    {
      name: 'v3, zstd level 12, clusters of 2 MiB',
      options: { clusterBytes: 2 ** 21, compression: { method: 'zstd', level: 12 } },
    },
    { name: 'v3, zstd, clusters of 512', options: { clusterBytes: 512, compression: { method: 'zstd' } } },
  ]
  for (const { name, options } of kinds) {
    const isZstd = options.compression?.method === 'zstd'
    const make = () => once(`${name}.qcow2`, (path) => writeReal(path, disk, options))
    for (const judge of [judges.qemuImg, judges.sevenZip, judges.libqcow]) {
      const refused: Pick<MatrixCase, 'outcome' | 'note'> = { outcome: 'refuses', note: 'it knows no zstd' }
      const known = isZstd && judge.name !== 'qemu-img' ? refused : {}
      matrixCase({ image: `qcow2 ${name}`, writtenBy: 'holdfast', readBy: judge.name, ...known }, async () => {
        const path = await make()
        return { digest, read: () => (judge.name === 'qemu-img' ? qemuDigest(path) : judge.digest(path, 'qcow2')) }
      })
    }
    it(`${name}: qemu-img check finds nothing, nor do we`, async () => {
      const path = await make()
      expect(run('qemu-img', 'check', '-f', 'qcow2', path)).toContain('No errors were found')
      expect(await problemsOf(path)).toEqual([])
      expect(await ownMap(path)).toEqual(qemuMap(path))
    })
  }

  it('compresses as small as qemu-img does', async () => {
    const sizeOf = (path: string): number =>
      JSON.parse(run('qemu-img', 'check', '--output=json', path))['image-end-offset']
    for (const method of ['zlib', 'zstd']) {
      const own = await once(`v3, ${method}.qcow2`, () => {})
      run(
        'qemu-img',
        'convert',
        '-c',
        '-O',
        'qcow2',
        '-o',
        `compression_type=${method}`,
        raw,
        at(`size-${method}.qcow2`),
      )
      expect(sizeOf(own)).toBeLessThan(sizeOf(at(`size-${method}.qcow2`)) * 1.06)
    }
  })
})

describeJudged('qcow2: children written here', () => {
  const child = disk.slice()
  child.set(patterned(100_000, 5), 3_000_000)
  child.fill(0, 20 * 2 ** 20, 20 * 2 ** 20 + 300_000)
  const parents = {
    raw: async () => raw,
    qcow2: () => once('parent.qcow2', (path) => writeReal(path, disk.subarray(0, 22 * 2 ** 20))),
  }
  for (const format of ['raw', 'qcow2'] as const)
    for (const options of [{}, { clusterBytes: 4096 }, { compression: { method: 'zlib' } }] as const) {
      const name = `child of ${format}${'clusterBytes' in options ? ', clusters of 4 KiB' : ''}${'compression' in options ? ', zlib' : ''}`
      const make = () =>
        once(`${name}.qcow2`, async (path) => {
          const parent = await parents[format]()
          await using image = await openReal(parent)
          await using store = await realStore(path)
          const backing = { name: parent.split('/').at(-1) ?? '', format, disk: image }
          const writer = await createQcow2(store, { sizeBytes: disk.byteLength, ...options, backing })
          const tail = 22 * 2 ** 20
          await writer.write(3_000_000, child.slice(3_000_000, 3_100_000))
          await writer.zero(20 * 2 ** 20, 300_000)
          await writer.write(tail, child.slice(tail))
          await writer.close()
        })
      matrixCase({ image: `qcow2 ${name}`, writtenBy: 'holdfast', readBy: 'qemu-img' }, async () => {
        const path = await make()
        return { digest: digestOf(child), read: () => qemuDigest(path) }
      })
      it(`${name}: qemu-img check finds nothing and names the parent`, async () => {
        const path = await make()
        expect(qemuCheck(path)).toBe(0)
        expect(await problemsOf(path)).toEqual([])
        const info = JSON.parse(run('qemu-img', 'info', '--output=json', path))
        expect(info['backing-filename-format']).toBe(format)
        expect(await ownDigest(path)).toBe(digestOf(child))
      })
    }
})

describeJudged('qcow2: written by qemu-img', () => {
  const create =
    (options: string, ...flags: readonly string[]) =>
    (path: string) => {
      run('qemu-img', 'convert', ...flags, '-f', 'raw', '-O', 'qcow2', '-o', options, raw, path)
    }
  const cases: Readonly<Record<string, (path: string) => void>> = {
    v2: create('compat=0.10'),
    'v2, zlib': create('compat=0.10', '-c'),
    v3: create('compat=1.1'),
    'clusters of 512': create('cluster_size=512'),
    'clusters of 2 MiB': create('cluster_size=2M'),
    'refcounts of 1 bit': create('refcount_bits=1'),
    'refcounts of 8 bits': create('refcount_bits=8'),
    'refcounts of 64 bits': create('refcount_bits=64'),
    'lazy refcounts': create('lazy_refcounts=on'),
    'preallocated metadata': create('preallocation=metadata'),
    'preallocated fully': create('preallocation=full'),
    zlib: create('compression_type=zlib', '-c'),
    'zlib, clusters of 512': create('cluster_size=512', '-c'),
    'zlib, clusters of 2 MiB': create('cluster_size=2M', '-c'),
    zstd: create('compression_type=zstd', '-c'),
    'zstd, clusters of 4 KiB': create('compression_type=zstd,cluster_size=4k', '-c'),
    'extended L2': create('extended_l2=on,cluster_size=128k'),
    'extended L2, clusters of 16 KiB': create('extended_l2=on,cluster_size=16k'),
    'extended L2, zlib': create('extended_l2=on,cluster_size=64k', '-c'),
    'extended L2, zstd': create('extended_l2=on,cluster_size=64k,compression_type=zstd', '-c'),
    'data file': (path) => create(`data_file=${path}.data`)(path),
    'raw data file': (path) => create(`data_file=${path}.data,data_file_raw=on`)(path),
    'internal snapshots': (path) => {
      create('cluster_size=4k')(path)
      run('qemu-img', 'snapshot', '-c', 'first', path)
      run('qemu-io', '-f', 'qcow2', '-c', 'write -q -P 7 1000k 3000k', path)
      run('qemu-img', 'snapshot', '-c', 'second', path)
      run('qemu-io', '-f', 'qcow2', '-c', `write -q -s ${raw} 1000k 3000k`, path)
    },
    'written again and zeroed': (path) => {
      create('cluster_size=64k')(path)
      for (const command of [
        'write -q -z 1M 1M',
        'discard -q 2M 1M',
        'write -q -z -u 10M 64k',
        'write -q -P 9 22M 100k',
      ])
        run('qemu-io', '-f', 'qcow2', '-c', command, path)
    },
    'extended L2, written in parts': (path) => {
      create('extended_l2=on,cluster_size=128k')(path)
      for (const command of [
        'write -q -P 3 10M 4k',
        'write -q -z 20M 24k',
        'discard -q 20500k 8k',
        'write -q -P 4 12290k 2k',
      ])
        run('qemu-io', '-f', 'qcow2', '-c', command, path)
    },
    resized: (path) => {
      create('cluster_size=4k')(path)
      run('qemu-img', 'resize', '-q', path, '30M')
    },
  }
  for (const [name, make] of Object.entries(cases)) {
    const path = () => once(`q ${name.replaceAll(',', '')}.qcow2`, make)
    matrixCase({ image: `qcow2 ${name}`, writtenBy: 'qemu-img', readBy: 'holdfast' }, async () => {
      const file = await path()
      return { digest: await qemuDigest(file), read: () => ownDigest(file) }
    })
    it(`${name}: we find nothing wrong either, and the same extents`, async () => {
      const file = await path()
      expect(qemuCheck(file)).toBe(0)
      expect(await problemsOf(file)).toEqual([])
      expect(await ownMap(file)).toEqual(qemuMap(file))
    })
  }

  it('says what qemu-img info says', async () => {
    const file = await once('q internal snapshots.qcow2', () => {})
    await using image = await openReal(file)
    const info = JSON.parse(run('qemu-img', 'info', '--output=json', file))
    expect(image.sizeBytes).toBe(info['virtual-size'])
    expect(image.layers[0]).toMatchObject({
      variant: 'v3',
      details: {
        clusterBytes: info['cluster-size'],
        compression: info['format-specific'].data['compression-type'],
        refcountBits: info['format-specific'].data['refcount-bits'],
        snapshots: info['snapshots'].length,
      },
    })
  })

  it('reads a child of a child, in part of subclusters', async () => {
    run('qemu-img', 'create', '-q', '-f', 'qcow2', '-b', 'disk.raw', '-F', 'raw', at('a.qcow2'), '26M')
    run('qemu-io', '-f', 'qcow2', '-c', 'write -q -P 5 1M 100k', '-c', 'write -q -z 20M 200k', at('a.qcow2'))
    const options = ['-o', 'extended_l2=on,cluster_size=128k']
    run('qemu-img', 'create', '-q', '-f', 'qcow2', ...options, '-b', 'a.qcow2', '-F', 'qcow2', at('b.qcow2'))
    for (const command of ['write -q -P 6 1050k 10k', 'write -q -z 5M 12k', 'write -q -P 7 25M 1M'])
      run('qemu-io', '-f', 'qcow2', '-c', command, at('b.qcow2'))
    expect(await ownDigest(at('b.qcow2'))).toBe(await qemuDigest(at('b.qcow2')))
    expect(await ownMap(at('b.qcow2'))).toEqual(qemuMap(at('b.qcow2')))
  })

  it('refuses encrypted disks', async () => {
    const secret = ['--object', 'secret,id=s0,data=pw']
    for (const format of ['luks', 'aes']) {
      const options = `encrypt.format=${format},encrypt.key-secret=s0`
      createEncrypted([...secret, '-f', 'qcow2', '-o', options, at(`${format}.qcow2`), '1M'])
      await expect(openReal(at(`${format}.qcow2`))).rejects.toMatchObject({ code: 'encrypted' })
    }
  })
})

describeJudged('qcow2: bitmaps of qemu-img', () => {
  it('reads what they record, and whether they do', async () => {
    const path = at('bitmaps.qcow2')
    run('qemu-img', 'create', '-q', '-f', 'qcow2', '-o', 'cluster_size=512', path, '24M')
    run('qemu-img', 'bitmap', '--add', '-g', '512', path, 'fine')
    run('qemu-img', 'bitmap', '--add', '-g', '1M', path, 'coarse')
    run('qemu-img', 'bitmap', '--add', '--disable', path, 'stopped')
    run(
      'qemu-io',
      '-f',
      'qcow2',
      '-c',
      'write -q 512 512',
      '-c',
      'write -q 3000k 6000k',
      '-c',
      'write -q 24575k 1k',
      path,
    )
    await using image = await openReal(path)
    const found: unknown[] = []
    for (const { name, granularityBytes, usable, dirty } of image.layers[0].bitmaps) {
      const ranges: number[][] = []
      for await (const { offset, length } of dirty()) ranges.push([offset, length])
      found.push([name, granularityBytes, usable, ranges])
    }
    const kibibyte = 1024
    const mebibyte = 2 ** 20
    expect(found).toEqual([
      [
        'fine',
        512,
        true,
        [
          [512, 512],
          [3000 * kibibyte, 6000 * kibibyte],
          [24_575 * kibibyte, kibibyte],
        ],
      ],
      [
        'coarse',
        mebibyte,
        true,
        [
          [0, mebibyte],
          [2 * mebibyte, 7 * mebibyte],
          [23 * mebibyte, mebibyte],
        ],
      ],
      ['stopped', 4096, false, []],
    ])
    expect(await problemsOf(path)).toEqual([])
  })
})

describeJudged('qcow2: vectors built from the spec', () => {
  const vectors = {
    everything: () => everything({ extraData: false }),
    'version 2': versionTwo,
    subclusters: subclustered,
    'zstd frames': zstdFrames,
  }
  for (const [name, vector] of Object.entries(vectors))
    matrixCase({ image: `qcow2 vector: ${name}`, writtenBy: 'the spec', readBy: 'holdfast' }, async () => {
      copyFileSync(raw, at('base.raw'))
      const path = await once(`vector ${name}.qcow2`, (file) => writeFileSync(file, vector().bytes))
      expect(qemuCheck(path)).toBe(0)
      return { digest: await qemuDigest(path), read: () => ownDigest(path) }
    })
})

/** Creates an image; qemu-img measures how fast it derives keys, and gives up when the clock is too coarse for that. */
function createEncrypted(args: readonly string[]): void {
  for (let attempt = 1; ; attempt++) {
    try {
      run('qemu-img', 'create', '-q', ...args)
      return
    } catch (error) {
      if (attempt === 20 || !String(error).includes('Unable to get accurate CPU usage')) throw error
    }
  }
}
