import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { createChunkIndex } from '../src/repository/chunk-index.js'
import type { ObjectStore } from '../src/repository/object-store.js'
import { type FrameSlot, packWriter } from '../src/repository/pack-writer.js'

const mebibyte = 2 ** 20

/** A writer of data packs to a store whose puts wait until they are let through. */
function waitingWriter(sequential = false) {
  const abort = new AbortController()
  const index = createChunkIndex()
  const waiting: PromiseWithResolvers<void>[] = []
  const stored: Buffer[] = []
  const put: ObjectStore['put'] = async (_, parts) => {
    const gate = Promise.withResolvers<void>()
    waiting.push(gate)
    await gate.promise
    stored.push(Buffer.concat(parts))
  }
  const writer = packWriter({
    store: { put, capabilities: { sequential } } as ObjectStore,
    index,
    envelope: { repositoryId: 'ab'.repeat(16), keyring: undefined, randomBytes },
    links: [],
    kind: 'data',
    signal: abort.signal,
  })
  return { writer, index, waiting, stored, abort }
}

/** Fills the promised place with a frame of one chunk. */
function fill(slot: FrameSlot, sizeBytes: number): Uint8Array {
  const { offset, bytes } = slot.room.claim(sizeBytes)
  bytes.fill(slot.sequence + 1)
  const id = randomBytes(32)
  slot.place(offset, sizeBytes, [{ id, length: sizeBytes - 40 }])
  return id
}

/** Fills every buffer there is with a whole pack; returns how many that took. */
async function fillAllBuffers({ writer, waiting }: ReturnType<typeof waitingWriter>): Promise<number> {
  for (let packs = 0; ; packs++) {
    const first = await Promise.race([
      writer.reserve(4 * mebibyte),
      new Promise<'full'>((r) => setTimeout(r, 50, 'full')),
    ])
    if (first === 'full') return packs
    fill(first, 4 * mebibyte)
    for (let frame = 1; frame < 4; frame++) fill(await writer.reserve(4 * mebibyte), 4 * mebibyte)
    expect(waiting.length).toBe(packs + 1)
  }
}

describe('packWriter', () => {
  test('lays frames one after the other, in whatever order their places were promised', async () => {
    const { writer, index, waiting, stored } = waitingWriter()
    const slots = [await writer.reserve(1000), await writer.reserve(2000), await writer.reserve(500)]
    const ids = [2, 0, 1].map((i) => fill(slots[i] as FrameSlot, [1000, 2000, 500][i] as number))
    const flushed = writer.flush()
    waiting[0]?.resolve()
    await flushed
    expect(ids.map((id) => index.find(id)?.frameOffset)).toEqual([64, 564, 1564])
    const pack = stored[0] as Buffer
    expect([pack[64], pack[563], pack[564], pack[1563], pack[1564], pack[3563]]).toEqual([3, 3, 1, 1, 2, 2])
  })

  test('lets all who wait for a target that is behind share the next pack', async () => {
    const parts = waitingWriter()
    const packs = await fillAllBuffers(parts)
    expect(packs).toBeGreaterThan(1)
    // One request is still waiting; three more join it.
    const slots = Promise.all([1, 2, 3].map(() => parts.writer.reserve(4 * mebibyte)))
    parts.waiting[0]?.resolve()
    expect(new Set((await slots).map(({ pack }) => pack.packId)).size).toBe(1)
    expect(parts.waiting.length).toBe(packs)
  })

  test('keeps one pack less in memory for a target that takes one after another', async () => {
    expect(await fillAllBuffers(waitingWriter(false))).toBe(3)
    expect(await fillAllBuffers(waitingWriter(true))).toBe(2)
  })

  test('tells everybody who waits that a pack could not be stored, or that the run was aborted', async () => {
    const failing = waitingWriter()
    await fillAllBuffers(failing)
    const told = Promise.allSettled([1, 2].map(() => failing.writer.reserve(1)))
    failing.waiting[0]?.reject(new Error('the disk is full'))
    expect((await told).map((outcome) => 'reason' in outcome && String(outcome.reason))).toEqual([
      'Error: the disk is full',
      'Error: the disk is full',
    ])
    const aborted = waitingWriter()
    await fillAllBuffers(aborted)
    const ended = Promise.allSettled([1, 2].map(() => aborted.writer.reserve(1)))
    aborted.abort.abort(new Error('enough'))
    expect((await ended).map((outcome) => 'reason' in outcome && String(outcome.reason))).toEqual([
      'Error: enough',
      'Error: enough',
    ])
  })

  test('stores no pack in which a frame may have left a gap', async () => {
    const { writer, stored, waiting } = waitingWriter()
    const [whole, broken] = [await writer.reserve(1000), await writer.reserve(1000)]
    fill(whole, 1000)
    broken.room.claim(500)
    broken.abandon()
    await writer.flush()
    expect([stored.length, waiting.length]).toEqual([0, 0])
    fill(await writer.reserve(1000), 1000)
    const flushed = writer.flush()
    waiting[0]?.resolve()
    await flushed
    expect(stored.length).toBe(1)
  })
})
