import { describe, expect, it } from 'vitest'
import { openImage } from '../src/image/open-image.js'
import { createVmdk, type VmdkWriterOptions, vmdkCodec, vmdkKinds } from '../src/vmdk/index.js'
import { memoryFile } from './support/memory-file.js'
import { problemsOf } from './support/vmdk-files.js'
import { oneFile, openFiles, vmdkFiles } from './support/vmdk-memory.js'

const grain = 65_536

describe('writers', () => {
  const store = () => memoryFile('disk')
  const base = { sizeBytes: 2 ** 20, name: 'disk.vmdk', create: async (name: string) => memoryFile(name) }

  const refusals: readonly (readonly [string, Partial<VmdkWriterOptions>, string, RegExp])[] = [
    ['a size that is no multiple of 512', { sizeBytes: 1000 }, 'unsupported', /cannot have 1000 bytes/],
    ['no size', { sizeBytes: 0 }, 'unsupported', /cannot have 0 bytes/],
    ['a size beyond the product', { sizeBytes: 63 * 2 ** 40, kind: 'vmfs' }, 'limit', /at most/],
    ['more than entries reach', { sizeBytes: 2 ** 41 }, 'limit', /2 TiB/],
    ['a name with a folder', { name: 'a/b.vmdk' }, 'unsupported', /cannot be named/],
    ['a name with a quote', { name: 'a".vmdk' }, 'unsupported', /cannot be named/],
    ['a name with a line end', { name: 'a\n.vmdk' }, 'unsupported', /cannot be named/],
    ['a content id that means none', { cid: 'FFFFFFFF' }, 'unsupported', /no content id/],
    ['a content id that is none', { cid: '123' }, 'unsupported', /no content id/],
    ['a level that zlib does not have', { kind: 'streamOptimized', compressionLevel: 10 }, 'unsupported', /level 10/],
    ['thin provisioning where there is none', { thinProvisioned: true }, 'unsupported', /provisioned/],
    ['a geometry of no heads', { geometry: { cylinders: 1, heads: 0, sectors: 63 } }, 'unsupported', /Cylinders/],
  ]
  it.each(refusals)('refuse %s', async (_name, options, code, message) => {
    await expect(createVmdk(store(), { ...base, ...options })).rejects.toMatchObject({ code, message, hint: /./ })
  })

  it.each([
    ['a flat child', 'vmfs', 'base.vmdk', /has no parent/],
    ['a compressed child', 'streamOptimized', 'base.vmdk', /has no parent/],
    ['a parent whose name has a quote', 'monolithicSparse', 'a"b', /cannot name the parent/],
  ] as const)('refuse %s', async (_name, kind, fileNameHint, message) => {
    await using image = await openFiles({ disk: await oneFile() })
    const made = createVmdk(store(), { ...base, kind, parent: { fileNameHint, image } })
    await expect(made).rejects.toMatchObject({ code: 'unsupported', message })
  })

  it('refuse a parent whose path leaves no room in the descriptor', async () => {
    await using image = await openFiles({ disk: await oneFile() })
    const parent = { fileNameHint: '硬'.repeat(4000), image }
    await expect(createVmdk(store(), { ...base, parent })).rejects.toMatchObject({
      code: 'limit',
      message: /has room for 10240/,
    })
  })

  it('refuse a kind of several files when nobody makes them', async () => {
    const made = createVmdk(store(), { kind: 'monolithicFlat', sizeBytes: 512, name: 'disk.vmdk' })
    await expect(made).rejects.toMatchObject({ code: 'unsupported', message: /several files/ })
  })

  it('name their files as VMware does, and split at 2047 MiB', async () => {
    const names: string[] = []
    for (const kind of vmdkKinds)
      await createVmdk(store(), {
        ...base,
        kind,
        sizeBytes: 5 * 2 ** 30,
        create: async (name) => {
          names.push(name)
          return memoryFile(name)
        },
      })
    expect(names).toEqual([
      'disk-flat.vmdk',
      'disk-s001.vmdk',
      'disk-s002.vmdk',
      'disk-s003.vmdk',
      'disk-f001.vmdk',
      'disk-f002.vmdk',
      'disk-f003.vmdk',
      'disk-flat.vmdk',
    ])
    const main = store()
    await (await createVmdk(main, { ...base, kind: 'twoGbMaxExtentFlat', sizeBytes: 2048 * 2 ** 20 })).close()
    expect(Buffer.from(main.bytes()).toString()).toContain(
      'RW 4192256 FLAT "disk-f001.vmdk" 0\nRW 2048 FLAT "disk-f002.vmdk" 0\n',
    )
    const { disk: descriptor = new Uint8Array() } = await vmdkFiles(new Uint8Array(512), { kind: 'twoGbMaxExtentFlat' })
    expect(Buffer.from(descriptor).toString()).toContain('RW 1 FLAT "disk-f001.vmdk" 0\n')
  })

  it('write a descriptor that says what they were told', async () => {
    const { disk: descriptor = new Uint8Array() } = await vmdkFiles(new Uint8Array(2 ** 20), {
      kind: 'vmfs',
      cid: 'C0FFEE12',
      adapterType: 'ide',
      hardwareVersion: 19,
      toolsVersion: 12_389,
      thinProvisioned: true,
    })
    expect(Buffer.from(descriptor).toString()).toBe(`# Disk DescriptorFile
version=1
encoding="UTF-8"
CID=c0ffee12
parentCID=ffffffff
createType="vmfs"

# Extent description
RW 2048 VMFS "disk-flat.vmdk"

# The Disk Data Base
#DDB

ddb.adapterType = "ide"
ddb.geometry.cylinders = "2"
ddb.geometry.heads = "16"
ddb.geometry.sectors = "63"
ddb.longContentID = "c0ffee12c0ffee12c0ffee12c0ffee12"
ddb.thinProvisioned = "1"
ddb.toolsVersion = "12389"
ddb.virtualHWVersion = "19"
`)
  })

  it('draw content ids', async () => {
    const ids = new Set<string | undefined>()
    for (let i = 0; i < 4; i++) {
      const file = store()
      await (await createVmdk(file, base)).close()
      await using image = await openFiles({ disk: file.bytes() })
      ids.add(image.layers[0].identity)
      expect(String(image.layers[0].details['longContentId']).slice(24)).toBe(image.layers[0].identity)
    }
    expect(ids.size).toBe(4)
  })

  it('mark a sparse disk as not closed until it is', async () => {
    const file = store()
    const writer = await createVmdk(file, { ...base })
    await writer.write(0, new Uint8Array(512).fill(1))
    await writer.flush()
    await using open = await openFiles({ disk: file.bytes() })
    expect(open.layers[0].details['uncleanShutdown']).toBe(true)
    await writer.close()
    await using closed = await openFiles({ disk: file.bytes() })
    expect(closed.layers[0].details).not.toHaveProperty('uncleanShutdown')
  })

  it('write 1 MiB with one call, and tables only when asked', async () => {
    const file = store()
    let writes = 0
    const counting = {
      ...file,
      write: async (at: number, bytes: Uint8Array) => {
        writes += 1
        await file.write(at, bytes)
      },
    }
    const writer = await createVmdk(counting, { ...base, sizeBytes: 2 ** 30 })
    writes = 0
    for (let at = 0; at < 32; at++) await writer.write(at * 2 ** 20, new Uint8Array(2 ** 20).fill(1))
    expect(writes).toBe(32)
    await writer.flush()
    expect(writes).toBe(34)
    await writer.flush()
    expect(writes).toBe(34)
  })

  it('keep the space of a grain that is zeroed, and need none for one that never was written', async () => {
    const file = store()
    const writer = await createVmdk(file, { ...base, sizeBytes: 2 ** 40 })
    await writer.zero(0, 2 ** 40)
    await writer.write(0, new Uint8Array(2 ** 20).fill(1))
    await writer.zero(1000, 2 ** 40 - 1000)
    await writer.close()
    expect(file.allocatedBytes()).toBeLessThan(2 ** 20)
    await using image = await openImage(file.named(), { codecs: [vmdkCodec] })
    const bytes = new Uint8Array(2 ** 20)
    await image.read(0, bytes)
    expect(bytes.indexOf(0)).toBe(1000)
    expect(bytes.subarray(1000).every((byte) => byte === 0)).toBe(true)
  })

  it('bring tables back that had to leave memory', async () => {
    const file = store()
    const writer = await createVmdk(file, { ...base, sizeBytes: 200 * 2 ** 30 })
    const places = Array.from({ length: 200 }, (_, i) => i * 2 ** 30)
    for (const value of [1, 2])
      for (const at of places) await writer.write(at + value * grain, new Uint8Array(grain).fill(value))
    await writer.close()
    await using image = await openImage(file.named(), { codecs: [vmdkCodec] })
    for (const at of places) {
      const bytes = new Uint8Array(2 * grain)
      await image.read(at + grain, bytes)
      expect([bytes[0], bytes[grain]]).toEqual([1, 2])
    }
    expect(await problemsOf(image)).toEqual([])
  })

  it('hand on what the storage throws, and stay in step afterwards', async () => {
    const file = store()
    let fails = true
    const failing = {
      ...file,
      write: async (at: number, bytes: Uint8Array) => {
        if (fails && bytes.byteLength === grain) throw new RangeError('no space left')
        await file.write(at, bytes)
      },
    }
    const writer = await createVmdk(failing, base)
    await expect(writer.write(0, new Uint8Array(grain).fill(1))).rejects.toThrow('no space left')
    fails = false
    await writer.write(0, new Uint8Array(grain).fill(1))
    await writer.close()
    await using image = await openFiles({ disk: file.bytes() })
    const bytes = new Uint8Array(1)
    await image.read(0, bytes)
    expect(bytes[0]).toBe(1)
  })

  it('write tables on a later call when an earlier one failed', async () => {
    const file = store()
    let fails = true
    const failing = {
      ...file,
      write: async (at: number, bytes: Uint8Array) => {
        if (fails && at === 27 * 512) throw new RangeError('no space left')
        await file.write(at, bytes)
      },
    }
    const writer = await createVmdk(failing, base)
    await writer.write(0, new Uint8Array(grain).fill(1))
    await expect(writer.flush()).rejects.toThrow('no space left')
    fails = false
    await writer.write(grain, new Uint8Array(grain).fill(2))
    await writer.close()
    await using image = await openFiles({ disk: file.bytes() })
    const bytes = new Uint8Array(2 * grain)
    await image.read(0, bytes)
    expect([bytes[0], bytes[grain]]).toEqual([1, 2])
    expect(await problemsOf(image)).toEqual([])
  })
})
