import { createHash } from 'node:crypto'
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { fileDigest, run, tempFolder } from 'holdfast-lab'
import { afterAll, expect, it } from 'vitest'
import { openImage } from '../src/image/open-image.js'
import { createVhdx, type VhdxPlainOptions, vhdxCodec } from '../src/vhdx/index.js'
import { describeJudged, type Judge, judges } from './support/judges.js'
import { matrixCase } from './support/matrix.js'
import { besideImage, realFile, realStore } from './support/real-file.js'
import { sampleDisk, writeDisk } from './support/sample-disk.js'
import { dataWriteIdOf, regionAt, vhdxImage } from './support/vhdx-image.js'
import { dirtyVhdx, dirtyVhdxOldLog, dirtyVhdxRoundTheEnd, newestLogId, setLogId } from './support/vhdx-log.js'

const mebibyte = 2 ** 20
const { at } = tempFolder(afterAll)

/** Writes a file once, however many cases ask for it. */
const made = new Map<string, Promise<{ path: string; digest: string }>>()
function once(name: string, make: (path: string) => Promise<string>): Promise<{ path: string; digest: string }> {
  const path = at(`${name}.vhdx`)
  const found = made.get(name) ?? make(path).then((digest) => ({ path, digest }))
  made.set(name, found)
  return found
}

function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** The digest of a disk as this package reads it. */
async function ownDigest(path: string): Promise<string> {
  await using image = await openImage(await realFile(path), { codecs: [vhdxCodec], open: besideImage })
  const hash = createHash('sha256')
  for (let offset = 0; offset < image.sizeBytes; offset += mebibyte) {
    const part = new Uint8Array(Math.min(mebibyte, image.sizeBytes - offset))
    await image.read(offset, part)
    hash.update(part)
  }
  return hash.digest('hex')
}

const { qemuImg, sevenZip, libvhdi } = judges

/** Reads a case by a judge or by this package. */
function readCase(
  readBy: Judge | 'holdfast',
  {
    image,
    writtenBy,
    make,
    ...outcome
  }: {
    readonly image: string
    readonly writtenBy: string
    readonly make: () => Promise<{ path: string; digest: string }>
    readonly outcome?: 'equal' | 'refuses' | 'differs'
    readonly note?: string
  },
): void {
  matrixCase({ image, writtenBy, readBy: readBy === 'holdfast' ? readBy : readBy.name, ...outcome }, async () => {
    const { path, digest } = await make()
    return { digest, read: () => (readBy === 'holdfast' ? ownDigest(path) : readBy.digest(path, 'vhdx')) }
  })
}

describeJudged('vhdx: written by holdfast', () => {
  const kinds: readonly (Omit<VhdxPlainOptions, 'sizeBytes'> & { readonly image: string })[] = [
    { image: 'vhdx dynamic', variant: 'dynamic' },
    { image: 'vhdx dynamic, 1 MiB blocks', variant: 'dynamic', blockBytes: mebibyte, physicalSectorBytes: 512 },
    { image: 'vhdx dynamic, 256 MiB blocks', variant: 'dynamic', blockBytes: 256 * mebibyte },
    { image: 'vhdx fixed', variant: 'fixed' },
    { image: 'vhdx fixed, 1 MiB blocks', variant: 'fixed', blockBytes: mebibyte },
    { image: 'vhdx dynamic, 4 KiB sectors', variant: 'dynamic', logicalSectorBytes: 4096 },
    { image: 'vhdx fixed, 4 KiB sectors', variant: 'fixed', logicalSectorBytes: 4096 },
  ]
  for (const { image, ...options } of kinds) {
    const { logicalSectorBytes = 512 } = options
    const written = (extra: number) => () =>
      once(`${image}${extra}`, async (path) => {
        const disk = sampleDisk(40 * mebibyte + extra)
        await using store = await realStore(path)
        await writeDisk(await createVhdx(store, { ...options, sizeBytes: disk.byteLength }), disk)
        return digestOf(disk)
      })
    const make = written(2 * logicalSectorBytes)
    const refused = { outcome: 'refuses', note: 'reads logical sectors of 512 bytes only' } as const
    readCase(qemuImg, { image, writtenBy: 'holdfast', make, ...(logicalSectorBytes !== 512 && refused) })
    readCase(sevenZip, { image, writtenBy: 'holdfast', make })
    readCase(libvhdi, { image, writtenBy: 'holdfast', make })
    readCase('holdfast', { image, writtenBy: 'holdfast', make })
    it(`${image}: qemu-img check and info agree`, async () => {
      const { path } = await make()
      if (logicalSectorBytes === 512) {
        expect(run('qemu-img', 'check', '-f', 'vhdx', path)).toMatch(/No errors/)
        const info = JSON.parse(run('qemu-img', 'info', '-f', 'vhdx', '--output=json', path))
        expect(info).toMatchObject({
          'virtual-size': 40 * mebibyte + 1024,
          'cluster-size': options.blockBytes ?? defaultBlock(options.variant),
        })
      }
      const facts = run('7zz', 'l', '-slt', '-tVHDX', path)
      expect(facts).not.toContain('LogGuid')
      expect(facts).toContain('FreeSpace: 0 ')
      expect(facts).toContain(`LogicalSectorSize: ${logicalSectorBytes}`)
      expect(facts).toContain(`PhysicalSectorSize: ${options.physicalSectorBytes ?? 4096}`)
    })
  }

  const oneSector = {
    image: 'vhdx dynamic, one sector in its last block',
    writtenBy: 'holdfast',
    make: () =>
      once('one-sector', async (path) => {
        const disk = sampleDisk(40 * mebibyte + 512)
        await using store = await realStore(path)
        await writeDisk(await createVhdx(store, { variant: 'dynamic', sizeBytes: disk.byteLength }), disk)
        return digestOf(disk)
      }),
  }
  readCase(qemuImg, oneSector)
  readCase(libvhdi, oneSector)
  readCase('holdfast', oneSector)
  readCase(sevenZip, { ...oneSector, outcome: 'refuses', note: 'refuses it from every writer' })
})

function defaultBlock(variant: VhdxPlainOptions['variant']): number {
  return variant === 'fixed' ? 32 * mebibyte : 2 * mebibyte
}

const parentId = '11aa22bb-33cc-44dd-55ee-66ff77001122'

describeJudged('vhdx: differencing, written by holdfast', () => {
  for (const logicalSectorBytes of [512, 4096] as const) {
    const kind = `${logicalSectorBytes === 512 ? '512-byte' : '4 KiB'} sectors`
    /** A child that leaves blocks to the parent, has whole and partial ones, and, if asked for, hides some as zeros. */
    const child = (hides: boolean) => () =>
      once(`child ${kind} ${hides}`, async (path) => {
        const parentName = `parent-${logicalSectorBytes}-${hides}.vhdx`
        const disk = sampleDisk(40 * mebibyte)
        {
          await using store = await realStore(at(parentName))
          const options = { variant: 'dynamic', logicalSectorBytes, dataWriteId: parentId } as const
          await writeDisk(await createVhdx(store, { ...options, sizeBytes: disk.byteLength }), disk)
        }
        await using parent = await openImage(await realFile(at(parentName)), { codecs: [vhdxCodec] })
        await using store = await realStore(path)
        const writer = await createVhdx(store, {
          variant: 'differencing',
          sizeBytes: disk.byteLength,
          logicalSectorBytes,
          blockBytes: mebibyte,
          parent: {
            identity: parentId,
            relativePath: `.\\${parentName}`,
            absolutePath: `\\\\?\\C:\\${parentName}`,
          },
          readParent: parent.read,
        })
        const put = async (offset: number, length: number) => {
          const bytes = new Uint8Array(length).fill(1 + (offset % 251))
          disk.set(bytes, offset)
          await writer.write(offset, bytes)
        }
        await put(100, 5000)
        await put(2 * mebibyte, mebibyte)
        await put(3 * mebibyte + 5 * logicalSectorBytes, 2 * mebibyte)
        for (let sector = 0; sector < 40; sector += 3)
          await put(20 * mebibyte + sector * logicalSectorBytes, logicalSectorBytes)
        await put(disk.byteLength - logicalSectorBytes, logicalSectorBytes)
        if (hides) {
          await writer.zero(33 * mebibyte, mebibyte)
          disk.fill(0, 33 * mebibyte, 34 * mebibyte)
        }
        await writer.close()
        return digestOf(disk)
      })
    const image = `vhdx differencing, ${kind}`
    const plain = { image, writtenBy: 'holdfast', make: child(false) }
    readCase(libvhdi, plain)
    readCase(sevenZip, plain)
    readCase('holdfast', plain)
    readCase(qemuImg, { ...plain, outcome: 'refuses', note: 'reads no differencing image' })
    const hiding = { image: `${image}, with zero blocks`, writtenBy: 'holdfast', make: child(true) }
    readCase(sevenZip, hiding)
    readCase('holdfast', hiding)
    readCase(libvhdi, { ...hiding, outcome: 'differs', note: 'asks the parent for blocks that are zero' })
  }
})

describeJudged('vhdx: written by qemu-img', () => {
  const kinds = [
    'subformat=dynamic',
    'subformat=dynamic,block_state_zero=off',
    'subformat=dynamic,block_size=1M,log_size=2M',
    'subformat=dynamic,block_size=256M',
    'subformat=fixed',
    'subformat=fixed,block_size=1M,block_state_zero=off',
  ]
  for (const options of kinds)
    readCase('holdfast', {
      image: `vhdx ${options}`,
      writtenBy: 'qemu-img',
      make: () =>
        once(options, async (path) => {
          const raw = at('sample.raw')
          writeFileSync(raw, sampleDisk(40 * mebibyte + 1024))
          run('qemu-img', 'convert', '-f', 'raw', '-O', 'vhdx', '-o', options, raw, path)
          return fileDigest(raw)
        }),
    })

  readCase('holdfast', {
    image: 'vhdx dynamic, written piecemeal, grown',
    writtenBy: 'qemu-img',
    make: () =>
      once('piecemeal', async (path) => {
        run('qemu-img', 'create', '-q', '-f', 'vhdx', '-o', 'block_size=1M', path, '20M')
        for (const command of ['write -P 1 7M 64k', 'write -P 2 100k 3M', 'write -P 3 1k 512', 'write -z 1M 1M'])
          run('qemu-io', '-f', 'vhdx', '-c', command, path)
        return qemuImg.digest(path, 'vhdx')
      }),
  })
})

/** A disk that qemu-img wrote, and the same with a log that has to be replayed. */
async function dirty(name: string, make: (clean: Uint8Array) => Uint8Array) {
  return once(name, async (path) => {
    const [raw, clean] = [at(`${name}.raw`), at(`${name}-clean.vhdx`)]
    writeFileSync(raw, sampleDisk(40 * mebibyte + 1024))
    run('qemu-img', 'convert', '-f', 'raw', '-O', 'vhdx', '-o', 'subformat=dynamic,block_size=1M', raw, clean)
    writeFileSync(path, make(new Uint8Array(readFileSync(clean))))
    return fileDigest(raw)
  })
}

/** What qemu-img makes of an image after it replayed its log, in a copy. */
async function replayedDigest(path: string): Promise<string> {
  const copy = path.replace(/\.vhdx$/, '-replayed.vhdx')
  cpSync(path, copy)
  run('qemu-img', 'check', '-q', '-r', 'all', '-f', 'vhdx', copy)
  return qemuImg.digest(copy, 'vhdx')
}

describeJudged('vhdx: logs to replay', () => {
  const logs = [
    { image: 'vhdx dynamic, dirty log', make: () => dirty('dirty', dirtyVhdx) },
    {
      image: 'vhdx dynamic, dirty log with an older sequence, round the end',
      make: () => dirty('old-log', dirtyVhdxOldLog),
    },
  ]
  for (const { image, make } of logs) {
    const written = { image, writtenBy: 'test encoder', make }
    readCase('holdfast', written)
    readCase(qemuImg, { ...written, outcome: 'refuses', note: 'opens it only to replay the log' })
    it(`${image}: holds what qemu-img makes of it when it replays the log`, async () => {
      const { path, digest } = await make()
      expect(await replayedDigest(path)).toBe(digest)
      expect(await ownDigest(path)).toBe(digest)
    })
  }
  const [first] = logs
  readCase(libvhdi, {
    image: first!.image,
    writtenBy: 'test encoder',
    make: first!.make,
    outcome: 'differs',
    note: 'ignores the log',
  })
  readCase(sevenZip, {
    image: first!.image,
    writtenBy: 'test encoder',
    make: first!.make,
    outcome: 'refuses',
    note: 'non-empty LOG was not replayed',
  })

  const round = { image: 'vhdx dynamic, dirty log that begins anew', make: () => dirty('round', dirtyVhdxRoundTheEnd) }
  readCase('holdfast', { ...round, writtenBy: 'test encoder' })
  matrixCase(
    {
      image: `${round.image}, replayed by qemu-img check`,
      writtenBy: 'test encoder',
      readBy: 'qemu-img',
      outcome: 'differs',
      note: 'does not look where the tail of a sequence is, and replays only its end',
    },
    async () => {
      const { path, digest } = await round.make()
      return { digest, read: () => replayedDigest(path) }
    },
  )

  it('replays what QEMU itself logged, as after a power failure before the table was written', async () => {
    const path = at('crashed.vhdx')
    const write = (command: string) => run('qemu-io', '-f', 'vhdx', '-c', command, path)
    run('qemu-img', 'create', '-q', '-f', 'vhdx', '-o', 'block_size=1M', path, '20M')
    write('write -P 1 3M 1M')
    const before = new Uint8Array(readFileSync(path))
    write('write -P 2 9M 2M')
    const after = new Uint8Array(readFileSync(path))
    const batAt = regionAt(after, 'bat')
    after.set(before.subarray(batAt, batAt + mebibyte), batAt)
    setLogId(after, newestLogId(after))
    writeFileSync(path, after)
    const digest = await replayedDigest(path)
    expect(await ownDigest(path)).toBe(digest)
    await using image = await openImage(await realFile(path), { codecs: [vhdxCodec] })
    expect(image.layers[0].details['replayedLogEntries']).toBeGreaterThan(0)
    const bytes = new Uint8Array(1)
    for (const [place, byte] of [
      [3, 1],
      [8, 0],
      [10, 2],
    ] as const) {
      await image.read(place * mebibyte, bytes)
      expect(bytes[0]).toBe(byte)
    }
  })
})

describeJudged('vhdx: vectors that no tool makes', () => {
  /** A child of a disk that qemu-img wrote, with a block in each of the given states. */
  const child = (states: readonly number[]) => () =>
    once(`vector ${states}`, async (path) => {
      const name = `vector-parent-${states.join('')}.vhdx`
      const disk = sampleDisk(16 * mebibyte)
      const raw = at('vector.raw')
      writeFileSync(raw, disk)
      run('qemu-img', 'convert', '-f', 'raw', '-O', 'vhdx', '-o', 'block_size=1M', raw, at(name))
      const full = new Uint8Array(mebibyte).fill(0x5a)
      disk.set(full, mebibyte)
      const sectors = [0, 1, 5, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 700, 2047]
      const partial = new Uint8Array(mebibyte).fill(0xbb)
      for (const sector of sectors) disk.fill(0xbb, 2 * mebibyte + sector * 512, 2 * mebibyte + (sector + 1) * 512)
      for (const [index] of states.entries()) disk.fill(0, (3 + index) * mebibyte, (4 + index) * mebibyte)
      const { bytes } = vhdxImage({
        diskBytes: disk.byteLength,
        flags: 2,
        locator: [
          ['parent_linkage', `{${dataWriteIdOf(new Uint8Array(readFileSync(at(name))))}}`],
          ['relative_path', `.\\${name}`],
          ['absolute_win32_path', `C:\\${name}`],
        ],
        blocks: [
          { block: 1, state: 6, data: full },
          { block: 2, state: 7, data: partial, sectors },
          ...states.map((state, index) => ({ block: 3 + index, state })),
        ],
      })
      writeFileSync(path, bytes)
      return digestOf(disk)
    })
  const partial = { image: 'vhdx differencing, partial blocks', writtenBy: 'test encoder', make: child([]) }
  readCase('holdfast', partial)
  readCase(libvhdi, partial)
  readCase(sevenZip, partial)
  const zero = { image: 'vhdx differencing, zero block', writtenBy: 'test encoder', make: child([2]) }
  readCase('holdfast', zero)
  readCase(sevenZip, zero)
  readCase(libvhdi, { ...zero, outcome: 'differs', note: 'asks the parent for blocks that are zero' })
  const other = {
    image: 'vhdx differencing, undefined and unmapped blocks',
    writtenBy: 'test encoder',
    make: child([1, 3]),
  }
  readCase('holdfast', other)
  readCase(sevenZip, other)
})
