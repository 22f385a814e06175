import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type DiskChunk,
  decodeInner,
  decodeLeaf,
  isZeroId,
  leafSpan,
  leafSpanBytes,
  zeroId,
} from '../src/repository/disk-tree-format.js'
import { diskChunks, readLeaf, walkNodes } from '../src/repository/disk-tree-reader.js'
import { diskTreeWriter } from '../src/repository/disk-tree-writer.js'

const options = { signal: new AbortController().signal }

/** Nodes by id, and how many were read. */
function nodeStore() {
  const nodes = new Map<string, Uint8Array>()
  let reads = 0
  return {
    reads: () => reads,
    write: async (bytes: Uint8Array) => {
      const id = createHash('sha256').update(bytes).digest()
      nodes.set(id.toString('hex'), Uint8Array.from(bytes))
      return id
    },
    read: async (id: Uint8Array) => {
      reads++
      const node = nodes.get(Buffer.from(id).toString('hex'))
      if (node === undefined) throw new Error('no such node')
      return node
    },
  }
}

type Leaves = ReadonlyMap<number, readonly DiskChunk[]>

/** Chunks that fill a span; seed 0 makes it zero. */
function chunksOf(spanBytes: number, seed: number): readonly DiskChunk[] {
  if (seed === 0) return [{ id: zeroId, length: spanBytes }]
  const cut = Math.floor(spanBytes / (1 + (seed % 3)))
  const parts = cut === spanBytes || cut === 0 ? [spanBytes] : [cut, spanBytes - cut]
  return parts.map((length, i) => ({ length, id: createHash('sha256').update(`${seed} ${i} ${length}`).digest() }))
}

const sizes = fc.oneof(
  fc.integer({ min: 1, max: 3 * leafSpanBytes }),
  fc.integer({ min: 1, max: 700 }).map((leaves) => leaves * leafSpanBytes),
  fc.constantFrom(255, 256, 257, 65_537).map((leaves) => leaves * leafSpanBytes - 5),
)
const edits = fc.array(fc.tuple(fc.nat(), fc.nat(9)), { maxLength: 20 })

describe('the tree of a disk', () => {
  test('reads as the leaves that were set, over any number of incrementals, and looks the same however it came about', async () => {
    await fc.assert(
      fc.asyncProperty(sizes, fc.array(edits, { minLength: 1, maxLength: 4 }), async (sizeBytes, rounds) => {
        const store = nodeStore()
        const count = Math.ceil(sizeBytes / leafSpanBytes)
        const model = new Map<number, readonly DiskChunk[]>()
        let root: Uint8Array | undefined
        for (const round of rounds) {
          const changed: Leaves = new Map(
            round.map(([place, seed]) => [place % count, chunksOf(leafSpan(sizeBytes, place % count), seed)]),
          )
          const base = root === undefined ? undefined : { sizeBytes, root }
          root = await write(sizeBytes, base, changed, store)
          for (const [leaf, chunks] of changed) model.set(leaf, chunks)
        }
        const tree = { sizeBytes, root: root ?? zeroId }
        const probes = new Set([...model.keys(), 0, count - 1, Math.floor(count / 2)])
        for (const leaf of probes) {
          const wanted = model.get(leaf) ?? chunksOf(leafSpan(sizeBytes, leaf), 0)
          expect(plain(await readLeaf(tree, leaf, store.read, options))).toEqual(plain(wanted))
        }
        const data = [...model].sort(([a], [b]) => a - b).flatMap(([leaf, chunks]) => placed(leaf, chunks))
        const found = []
        for await (const { id, length, offset } of diskChunks(tree, store.read, options))
          found.push({ id: Buffer.from(id).toString('hex'), length, offset })
        expect(found).toEqual(data)
        const visited: number[] = []
        await walkNodes(tree, store.read, ({ level, index }) => level > 0 || visited.push(index) > 0, options)
        expect(visited).toEqual(
          [...model]
            .filter(([, chunks]) => !chunks.every(({ id }) => isZeroId(id)))
            .map(([leaf]) => leaf)
            .sort((a, b) => a - b),
        )
        expect(Buffer.from(await write(sizeBytes, undefined, model, nodeStore())).equals(tree.root)).toBe(true)
      }),
      { numRuns: 60 },
    )
  })

  test('costs the height of the tree for one changed leaf, and nothing for none', async () => {
    const store = nodeStore()
    const sizeBytes = 66_000 * leafSpanBytes
    const root = await write(
      sizeBytes,
      undefined,
      new Map([
        [5, chunksOf(leafSpanBytes, 1)],
        [65_999, chunksOf(leafSpanBytes, 2)],
      ]),
      store,
    )
    const before = store.reads()
    expect(Buffer.from(await write(sizeBytes, { sizeBytes, root }, new Map(), store)).equals(root)).toBe(true)
    expect(store.reads()).toBe(before)
    await write(sizeBytes, { sizeBytes, root }, new Map([[5, chunksOf(leafSpanBytes, 3)]]), store)
    expect(store.reads() - before).toBeLessThanOrEqual(12)
  })

  test('refuses nodes of any other bytes', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 9 }),
        (bytes, level, count) => {
          for (const decode of [() => decodeLeaf(bytes, 12_345), () => decodeInner(bytes, level, count)]) {
            expect(decode).toThrow(expect.objectContaining({ code: 'E_DAMAGED' }))
          }
        },
      ),
    )
  })
})

async function write(
  sizeBytes: number,
  base: { readonly sizeBytes: number; readonly root: Uint8Array } | undefined,
  leaves: Leaves,
  store: ReturnType<typeof nodeStore>,
): Promise<Uint8Array> {
  const writer = diskTreeWriter(sizeBytes, base, store.read, store.write)
  for (const [leaf, chunks] of [...leaves].sort(([a], [b]) => a - b)) await writer.setLeaf(leaf, chunks, options)
  return writer.finish(options)
}

function plain(chunks: readonly DiskChunk[]) {
  return chunks.map(({ id, length }) => ({ id: Buffer.from(id).toString('hex'), length }))
}

function placed(leaf: number, chunks: readonly DiskChunk[]) {
  let offset = leaf * leafSpanBytes
  return chunks.flatMap(({ id, length }) => {
    const at = offset
    offset += length
    return isZeroId(id) ? [] : [{ id: Buffer.from(id).toString('hex'), length, offset: at }]
  })
}
