import { Buffer } from 'node:buffer'
import { describe, expect, it } from 'vitest'
import type { ByteStore } from '../src/bytes/byte-source.js'
import { openImage } from '../src/image/open-image.js'
import { createVhd, type VhdDifferencingOptions, type VhdWriterOptions, vhdCodec } from '../src/vhd/index.js'
import { type MemoryFile, memoryFile } from './support/memory-file.js'

const uniqueId = '11111111-2222-4333-8444-555555555555'
const parentId = '99999999-2222-4333-8444-555555555555'
const createdAt = new Date('2026-11-22T12:00:00Z')
const mebibyte = 2 ** 20
const gibibyte = 2 ** 30

/** A store that lists what is done to it, and fails where it is told to. */
function watched(file: MemoryFile, fails: (offset: number) => boolean = () => false) {
  const calls: string[] = []
  const store: ByteStore = {
    ...file,
    write: async (offset, bytes) => {
      calls.push(`write ${offset}+${bytes.byteLength}`)
      if (fails(offset)) throw new Error('the disk is full')
      await file.write(offset, bytes)
    },
    zero: async (offset, length) => {
      calls.push(`zero ${offset}+${length}`)
      await file.zero(offset, length)
    },
  }
  return { store, calls }
}

function child(options: Partial<VhdDifferencingOptions> = {}): VhdDifferencingOptions {
  const parent = { uniqueId: parentId, modifiedAt: createdAt, relativePath: '.\\base.vhd' }
  return { variant: 'differencing', sizeBytes: 4 * mebibyte, parent, ...options }
}

async function readLayer(file: MemoryFile, offset: number, length: number) {
  await using image = await openImage(file.named(), {
    codecs: [vhdCodec],
    open: async () => {
      const parent = memoryFile('base.vhd')
      await (await createVhd(parent, { variant: 'fixed', sizeBytes: 512, uniqueId: parentId })).close()
      return parent.named()
    },
  })
  const bytes = new Uint8Array(length)
  await image.read(offset, bytes)
  return bytes
}

describe('vhd writer: what it refuses', () => {
  const refused: readonly (readonly [string, string, VhdWriterOptions])[] = [
    ['no bytes', 'unsupported', { variant: 'fixed', sizeBytes: 0 }],
    ['a part of a sector', 'unsupported', { variant: 'dynamic', sizeBytes: 513 }],
    ['no number', 'unsupported', { variant: 'dynamic', sizeBytes: Number.NaN }],
    ['more than 2040 GiB', 'limit', { variant: 'dynamic', sizeBytes: 2040 * gibibyte + 512 }],
    ['more than 2040 GiB, fixed', 'limit', { variant: 'fixed', sizeBytes: 2040 * gibibyte + 512 }],
    ['small blocks', 'unsupported', { variant: 'dynamic', sizeBytes: 512, blockBytes: 2048 }],
    ['large blocks', 'unsupported', { variant: 'dynamic', sizeBytes: 512, blockBytes: 512 * mebibyte }],
    ['odd blocks', 'unsupported', { variant: 'dynamic', sizeBytes: 512, blockBytes: 3 * mebibyte }],
    ['too many blocks', 'limit', { variant: 'dynamic', sizeBytes: 2040 * gibibyte, blockBytes: 256 * 1024 }],
    ['an id that is none', 'unsupported', { variant: 'fixed', sizeBytes: 512, uniqueId: 'disk-1' }],
    ['an id of the parent that is none', 'unsupported', child({ parent: { ...child().parent, uniqueId: '' } })],
    ['a parent without a path', 'unsupported', child({ parent: { ...child().parent, relativePath: '' } })],
    ['a long name', 'limit', child({ parent: { ...child().parent, name: 'x'.repeat(257) } })],
    ['a long path', 'limit', child({ parent: { ...child().parent, name: 'x', absolutePath: 'x'.repeat(32_769) } })],
  ]
  it.each(refused)('%s: %s', async (_what, code, options) => {
    const file = memoryFile()
    await expect(createVhd(file, options)).rejects.toMatchObject({ code })
    expect(file.sizeBytes).toBe(0)
  })

  it('a part of a sector of a child, when the parent cannot be read', async () => {
    const file = memoryFile()
    const writer = await createVhd(file, child({ uniqueId }))
    await expect(writer.write(100, new Uint8Array(8))).rejects.toMatchObject({
      code: 'unsupported',
      hint: expect.stringMatching(/readParent/),
    })
    await writer.write(512, new Uint8Array(512).fill(3))
    // A sector of its own needs nothing of the parent.
    await writer.write(600, new Uint8Array(8).fill(4))
    await writer.close()
    const expected = new Uint8Array(512).fill(3)
    expected.fill(4, 88, 96)
    expect(await readLayer(file, 512, 512)).toEqual(expected)
  })
})

describe('vhd writer: what it writes', () => {
  it('is the same for the same options', async () => {
    for (const options of [{ variant: 'fixed', sizeBytes: mebibyte } as const, child({ sizeBytes: mebibyte })]) {
      const files = await Promise.all(
        [0, 1].map(async () => {
          const file = memoryFile()
          const writer = await createVhd(file, { ...options, uniqueId, createdAt })
          await writer.write(4096, new Uint8Array(4096).fill(1))
          await writer.close()
          return file.bytes()
        }),
      )
      expect(Buffer.compare(files[0]!, files[1]!)).toBe(0)
    }
  })

  it('names itself by a random id and the present moment, unless told otherwise', async () => {
    const ids = new Set<string | undefined>()
    for (let index = 0; index < 2; index++) {
      const file = memoryFile()
      await (await createVhd(file, { variant: 'fixed', sizeBytes: 512 })).close()
      const layer = await vhdCodec.open(file.named(), async () => undefined)
      ids.add(layer.identity)
      expect(Math.abs(Date.parse(String(layer.details['createdAt'])) - Date.now())).toBeLessThan(60_000)
    }
    expect(ids.size).toBe(2)
  })

  it('remembers its parent under every name', async () => {
    const file = memoryFile('child.vhd')
    const parent = { uniqueId: parentId.toUpperCase(), modifiedAt: createdAt, relativePath: '..\\основа 💾.vhd' }
    await (await createVhd(file, child({ parent: { ...parent, absolutePath: 'D:\\VMs\\основа 💾.vhd' } }))).close()
    const layer = await vhdCodec.open(file.named(), async () => undefined)
    expect(layer.parent).toEqual({
      names: ['..\\основа 💾.vhd', 'основа 💾.vhd', 'D:\\VMs\\основа 💾.vhd'],
      format: 'vhd',
      identity: parentId,
    })
    expect(layer.details).toMatchObject({ parentModifiedAt: createdAt.toISOString(), parentName: 'основа 💾.vhd' })
  })

  it('is one write for each block that a range touches, and bitmaps of new blocks', async () => {
    const { store, calls } = watched(memoryFile())
    const writer = await createVhd(store, { variant: 'dynamic', sizeBytes: 8 * mebibyte })
    await writer.write(0, new Uint8Array(mebibyte).fill(1))
    await writer.write(mebibyte, new Uint8Array(mebibyte).fill(1))
    await writer.write(3 * mebibyte, new Uint8Array(2 * mebibyte).fill(1))
    const second = 4096 + 2 * mebibyte + 4096
    const third = second + 2 * mebibyte + 4096
    expect(calls).toEqual([
      'write 3584+512',
      'write 4096+1048576',
      `write ${4096 + mebibyte}+1048576`,
      `write ${second - 512}+512`,
      `write ${second + mebibyte}+1048576`,
      `write ${third - 512}+512`,
      `write ${third}+1048576`,
    ])
  })

  it('keeps tables back until they are flushed, and then writes what is new of them', async () => {
    const { store, calls } = watched(memoryFile())
    const writer = await createVhd(store, child({ uniqueId }))
    await writer.write(0, new Uint8Array(1024).fill(1))
    await writer.write(4096, new Uint8Array(1024).fill(1))
    expect(calls).toEqual(['write 4096+1024', 'write 8192+1024'])
    calls.length = 0
    await writer.flush()
    expect(calls).toEqual(['write 3584+512', 'write 1536+512'])
    calls.length = 0
    await writer.flush()
    expect(calls).toEqual([])
    await writer.write(2 * mebibyte, new Uint8Array(512).fill(1))
    await writer.flush()
    expect(calls).toEqual([expect.any(String), expect.any(String), 'write 1540+4'])
  })

  it('takes no room for zeros: none where nothing was, a hole where something was', async () => {
    const { store, calls } = watched(memoryFile())
    const writer = await createVhd(store, { variant: 'dynamic', sizeBytes: 2040 * gibibyte })
    await writer.zero(0, 2040 * gibibyte)
    expect(calls).toEqual([])
    await writer.write(gibibyte, new Uint8Array(512).fill(1))
    calls.length = 0
    await writer.zero(0, 2040 * gibibyte)
    expect(calls).toEqual([expect.stringMatching(/^zero \d+\+2097152$/)])
  })

  it('zeros of a child hide the parent without being written', async () => {
    const file = memoryFile()
    const { store, calls } = watched(file)
    const writer = await createVhd(store, child({ sizeBytes: 64 * mebibyte, uniqueId }))
    await writer.zero(0, 64 * mebibyte)
    expect(calls).toEqual([])
    await writer.close()
    expect(file.allocatedBytes()).toBeLessThan(40 * 4096)
    const layer = await vhdCodec.open(file.named(), async () => undefined)
    for await (const { kind } of layer.runs(0, 64 * mebibyte)) expect(kind).toBe('stored')
  })

  it('has a place for every block of the largest disk, with the smallest blocks that Hyper-V takes', async () => {
    const file = memoryFile()
    const sizeBytes = 2040 * gibibyte
    const writer = await createVhd(file, { variant: 'dynamic', sizeBytes, blockBytes: 512 * 1024 })
    await writer.write(sizeBytes - 512, new Uint8Array(512).fill(1))
    await writer.close()
    expect(await readLayer(file, sizeBytes - 512, 512)).toEqual(new Uint8Array(512).fill(1))
    // Were data aligned to 4 KiB here, the last blocks would be out of reach of 32 bits.
    expect(file.sizeBytes % 4096).not.toBe(512)
  })

  it('past the end of a smaller parent, the rest of a sector is zero and the parent is not asked', async () => {
    const file = memoryFile()
    const asked: number[] = []
    const readParent = async (offset: number, into: Uint8Array) => {
      asked.push(offset, into.byteLength)
      into.fill(9)
    }
    const parent = { ...child().parent, sizeBytes: 1024 }
    const writer = await createVhd(file, child({ uniqueId, parent, readParent }))
    await writer.write(1000, new Uint8Array(100).fill(1))
    await writer.close()
    const expected = Buffer.concat([Buffer.alloc(488, 9), Buffer.alloc(100, 1), Buffer.alloc(436)])
    expect(Buffer.compare(await readLayer(file, 512, 1024), expected)).toBe(0)
    expect(asked).toEqual([512, 512])
  })
})

describe('vhd writer: a store that fails for a while', () => {
  it.each([
    ['the bitmap of a dynamic block', { variant: 'dynamic', sizeBytes: 4 * mebibyte } as const, 3584],
    ['the data of a dynamic block', { variant: 'dynamic', sizeBytes: 4 * mebibyte } as const, 4096],
    ['the table', { variant: 'dynamic', sizeBytes: 4 * mebibyte } as const, 1536],
    ['the bitmap of a child', child(), 3584],
    ['the data of a child', child(), 4096],
  ])('at %s: trying again makes a whole image', async (_what, options, failing) => {
    const file = memoryFile()
    let isFull = true
    const { store } = watched(file, (offset) => isFull && offset === failing)
    const writer = await createVhd(store, { ...options, uniqueId })
    const write = async () => {
      await writer.write(0, new Uint8Array(4096).fill(5))
      await writer.flush()
    }
    await expect(write()).rejects.toThrow('the disk is full')
    isFull = false
    await write()
    await writer.close()
    expect(await readLayer(file, 0, 4096)).toEqual(new Uint8Array(4096).fill(5))
    const layer = await vhdCodec.open(file.named(), async () => undefined)
    for await (const problem of layer.problems()) expect(problem).toBeUndefined()
  })
})
