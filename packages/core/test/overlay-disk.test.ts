import { appendFileSync, cpSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { seededBytes } from '@holdfast/testkit/images'
import { tempFolder } from 'holdfast-lab'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type OverlayDisk, overlayDisk } from '../src/engine/overlay-disk.js'
import { memoryDisk } from './support/memory-disk.js'

const call = { signal: new AbortController().signal }
const block = 4096

async function bytesOf(disk: OverlayDisk, offset: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length)
  await disk.read(offset, bytes, call)
  return bytes
}

async function kindsOf(disk: OverlayDisk): Promise<readonly (readonly [string, number])[]> {
  const kinds: [string, number][] = []
  for await (const { kind, length } of disk.extents(0, disk.sizeBytes, call)) kinds.push([kind, length / block])
  return kinds
}

describe('an overlay', () => {
  test('reads from below only what is left of a block, and nothing for whole blocks and zeros', async () => {
    const { disk, reads } = memoryDisk(seededBytes(20 * block, 1))
    await using overlay = await overlayDisk(disk, { folder: tempFolder(onTestFinished).path, ...call })
    await overlay.write(2 * block, seededBytes(3 * block, 2), call)
    await overlay.writeZeros(8 * block, 2 * block, call)
    expect(reads).toEqual([])
    await overlay.write(6 * block + 100, seededBytes(50, 3), call)
    expect(reads).toEqual([
      [6 * block, 100],
      [6 * block + 150, block - 150],
    ])
    await overlay.write(6 * block + 7, seededBytes(9, 4), call)
    expect(reads).toHaveLength(2)
    expect(overlay.heldBytes()).toBe(4 * block)
  })

  test('tells of zeros, of data, and of what is below, neighbours joined', async () => {
    const { disk } = memoryDisk(new Uint8Array(20 * block))
    const base = {
      ...disk,
      extents: async function* (offset: number, length: number) {
        yield { offset, length, kind: 'zero' as const }
      },
    }
    await using overlay = await overlayDisk(base, { folder: tempFolder(onTestFinished).path, ...call })
    await overlay.write(4 * block, seededBytes(2 * block, 1), call)
    await overlay.writeZeros(5 * block, 3 * block, call)
    await overlay.writeZeros(12 * block, 2 * block, { ...call, takeRoom: true })
    expect(await kindsOf(overlay)).toEqual([
      ['zero', 4],
      ['data', 1],
      ['zero', 7],
      ['data', 2],
      ['zero', 6],
    ])
  })

  test('that is not kept leaves no file behind, not even while it is open', async () => {
    const folder = tempFolder(onTestFinished).path
    const overlay = await overlayDisk(memoryDisk(new Uint8Array(block)).disk, { folder, ...call })
    await overlay.write(0, seededBytes(block, 1), call)
    expect(readdirSync(folder)).toEqual([])
    await overlay[Symbol.asyncDispose]()
  })

  test('that is kept has after a crash all that was flushed, also when the journal ends in the middle', async () => {
    const folder = tempFolder(onTestFinished).path
    const { disk } = memoryDisk(seededBytes(20 * block, 1))
    const overlay = await overlayDisk(disk, { folder, keptFor: 'p', ...call })
    await overlay.write(3 * block, seededBytes(block, 2), call)
    await overlay.writeZeros(5 * block, block, call)
    await overlay.flush(call)
    await overlay.write(9 * block, seededBytes(block, 3), call)
    const crashed = tempFolder(onTestFinished).path
    cpSync(folder, crashed, { recursive: true })
    await overlay[Symbol.asyncDispose]()

    appendFileSync(join(crashed, 'sda.journal'), Buffer.alloc(13, 1))
    // Nobody of that process is left.
    writeFileSync(join(crashed, 'sda.in-use'), '999999999')
    for (let again = 0; again < 2; again++) {
      await using after = await overlayDisk(disk, { folder: crashed, keptFor: 'p', ...call })
      expect(await bytesOf(after, 3 * block, block)).toEqual(Buffer.from(seededBytes(block, 2)))
      expect(await bytesOf(after, 5 * block, block)).toEqual(Buffer.alloc(block))
      expect(await bytesOf(after, 9 * block, block)).toEqual(
        Buffer.from(seededBytes(20 * block, 1).subarray(9 * block, 10 * block)),
      )
      expect(await kindsOf(after)).toEqual([
        ['data', 5],
        ['zero', 1],
        ['data', 14],
      ])
    }
  })

  test.each([
    ['last', 1, 2],
    ['first', 3, 0],
  ])('that is kept believes a journal up to the record that was altered: the %s', async (_, fromEnd, believed) => {
    const folder = tempFolder(onTestFinished).path
    const { disk } = memoryDisk(new Uint8Array(20 * block))
    const overlay = await overlayDisk(disk, { folder, keptFor: 'p', ...call })
    for (const at of [0, 4, 8]) {
      await overlay.write(at * block, seededBytes(block, 2), call)
      await overlay.flush(call)
    }
    await overlay[Symbol.asyncDispose]()
    const journal = join(folder, 'sda.journal')
    const bytes = readFileSync(journal)
    bytes[bytes.length - 20 * fromEnd] = 200
    writeFileSync(journal, bytes)
    await using after = await overlayDisk(disk, { folder, keptFor: 'p', ...call })
    expect(after.heldBytes()).toBe(believed * block)
  })

  test('that is kept notes what changed, once', async () => {
    const folder = tempFolder(onTestFinished).path
    await using overlay = await overlayDisk(memoryDisk(new Uint8Array(20 * block)).disk, {
      folder,
      keptFor: 'p',
      ...call,
    })
    const sizes: number[] = []
    for (const at of [3, 4, 3]) {
      await overlay.write(at * block, seededBytes(block, 2), call)
      await overlay.flush(call)
      sizes.push(statSync(join(folder, 'sda.journal')).size)
    }
    expect(sizes.map((size) => size - (sizes[0] ?? 0))).toEqual([0, 20, 20])
  })

  test('is refused over another point, another disk, or while somebody has it open', async () => {
    const folder = tempFolder(onTestFinished).path
    const { disk } = memoryDisk(seededBytes(20 * block, 1))
    const refused = { code: 'E_PLACEMENT' }
    const overlay = await overlayDisk(disk, { folder, keptFor: 'p', ...call })
    await expect(overlayDisk(disk, { folder, keptFor: 'p', ...call })).rejects.toMatchObject(refused)
    await overlay[Symbol.asyncDispose]()
    await expect(overlayDisk(disk, { folder, keptFor: 'q', ...call })).rejects.toMatchObject(refused)
    const longer = memoryDisk(new Uint8Array(21 * block)).disk
    await expect(overlayDisk(longer, { folder, keptFor: 'p', ...call })).rejects.toMatchObject(refused)
    expect(readdirSync(folder).toSorted()).toEqual(['sda.data', 'sda.journal'])
  })

  test('has names of files that cannot leave its folder', async () => {
    const folder = tempFolder(onTestFinished).path
    const { disk } = memoryDisk(new Uint8Array(block), '../../a b')
    const overlay = await overlayDisk(disk, { folder, keptFor: 'p', ...call })
    await overlay[Symbol.asyncDispose]()
    expect(readdirSync(folder).toSorted()).toEqual(['..%2F..%2Fa%20b.data', '..%2F..%2Fa%20b.journal'])
    const odd = await overlayDisk(memoryDisk(new Uint8Array(block), 'a\ud800').disk, { folder, ...call })
    await odd[Symbol.asyncDispose]()
    const long = memoryDisk(new Uint8Array(block), 'a'.repeat(5000)).disk
    await expect(overlayDisk(long, { folder, ...call })).rejects.toMatchObject({ code: 'E_PLACEMENT' })
  })

  test('is as long as the disk and takes no room before it is written', async () => {
    const folder = tempFolder(onTestFinished).path
    const overlay = await overlayDisk(
      { ...memoryDisk(new Uint8Array(0)).disk, sizeBytes: 2 ** 40 },
      { folder, keptFor: 'p', ...call },
    )
    await overlay.write(2 ** 39, seededBytes(block, 1), call)
    await overlay[Symbol.asyncDispose]()
    const { size, blocks } = statSync(join(folder, 'sda.data'))
    expect([size, blocks * 512 <= 16 * block]).toEqual([2 ** 40, true])
  })

  test('says so when its file was cut short, and when a range is not on the disk', async () => {
    const folder = tempFolder(onTestFinished).path
    const { disk } = memoryDisk(new Uint8Array(20 * block))
    await using overlay = await overlayDisk(disk, { folder, keptFor: 'p', ...call })
    await overlay.write(4 * block, seededBytes(block, 1), call)
    truncateSync(join(folder, 'sda.data'), block)
    await expect(bytesOf(overlay, 4 * block, block)).rejects.toMatchObject({ code: 'E_PLACEMENT' })
    const beyond = { code: 'E_USAGE' }
    await expect(overlay.write(20 * block - 1, new Uint8Array(2), call)).rejects.toMatchObject(beyond)
    await expect(overlay.writeZeros(-1, 2, call)).rejects.toMatchObject(beyond)
    await expect(bytesOf(overlay, 20 * block, 1)).rejects.toMatchObject(beyond)
  })

  test('changes nothing when the rest of a block cannot be read from below', async () => {
    const { disk } = memoryDisk(new Uint8Array(20 * block))
    const broken = {
      ...disk,
      read: async () => {
        throw new Error('lost')
      },
    }
    await using overlay = await overlayDisk(broken, { folder: tempFolder(onTestFinished).path, ...call })
    await expect(overlay.write(1, new Uint8Array(1), call)).rejects.toThrow('lost')
    expect(overlay.heldBytes()).toBe(0)
    await overlay.write(0, seededBytes(block, 1), call)
    expect(await bytesOf(overlay, 0, block)).toEqual(Buffer.from(seededBytes(block, 1)))
  })
})
