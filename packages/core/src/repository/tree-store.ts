import { Buffer } from 'node:buffer'
import { toHex } from './bytes.js'
import { type ChunkIdentity, chunkHasher } from './chunk-id.js'
import type { ChunkIndex } from './chunk-index.js'
import { type ChainLink, loadCodecChain } from './codec-chain.js'
import type { ReadChunk } from './disk-tree-reader.js'
import type { WriteNode } from './disk-tree-writer.js'
import { frameTableBytes, maxFrameChunks, writeFrameTable } from './frame.js'
import type { PackWriter } from './pack-writer.js'

/** Nodes are framed together up to this size: good for compression, small enough to read one. */
const treeFrameBytes = 256 * 1024

/** Stores tree nodes in packs of their own and reads them back, even before they are stored. */
export interface TreeStore {
  readonly writeNode: WriteNode
  readonly readNode: ReadChunk
  /** Frames what is left; the pack writer still has to be finished. */
  readonly flush: () => Promise<void>
}

/** Starts storing nodes. */
export function treeStore(
  index: ChunkIndex,
  identity: ChunkIdentity,
  links: readonly ChainLink[],
  packs: PackWriter,
  readStored: ReadChunk,
): TreeStore {
  const hash = chunkHasher(identity)
  const chain = loadCodecChain(links)
  // Whoever needs the chain hears of its failure; a lane without nodes never does.
  chain.catch(() => undefined)
  const pending = new Map<string, Buffer>()
  let pendingBytes = 0
  let flushing: Promise<void> = Promise.resolve()

  /** One flush after the other: whoever waits for one knows that every node written before has its place. */
  const flush = (): Promise<void> => {
    const done = flushing.then(async () => {
      while (pending.size > 0) await storeFrame()
    })
    flushing = done.catch(() => undefined)
    return done
  }

  /** Nodes stay readable as pending until their frame is in a pack. */
  const storeFrame = async (): Promise<void> => {
    const nodes: Buffer[] = []
    const chunks: { readonly id: Buffer; readonly length: number }[] = []
    let bytes = 0
    for (const [id, node] of pending) {
      if (nodes.length >= maxFrameChunks || bytes >= treeFrameBytes) break
      nodes.push(node)
      chunks.push({ id: Buffer.from(id, 'hex'), length: node.length })
      bytes += node.length
    }
    const plain = Buffer.alloc(frameTableBytes(nodes.length) + bytes)
    let at = writeFrameTable(plain, chunks)
    for (const node of nodes) at += node.copy(plain, at)
    const codec = await chain
    const slot = await packs.reserve(plain.length)
    try {
      const { offset, bytes } = codec.encode(plain, slot.room, slot.sequence, slot.pack)
      slot.place(offset, bytes.byteLength, chunks)
    } catch (error) {
      slot.abandon()
      throw error
    }
    for (const { id } of chunks) pending.delete(toHex(id))
    pendingBytes -= bytes
  }

  return {
    flush,
    writeNode: async (bytes) => {
      const id = hash(bytes)
      if (!index.claim(id)) return id
      pending.set(toHex(id), Buffer.from(bytes))
      pendingBytes += bytes.byteLength
      if (pendingBytes >= treeFrameBytes || pending.size >= maxFrameChunks) await flush()
      return id
    },
    readNode: async (id, options) => pending.get(toHex(id)) ?? readStored(id, options),
  }
}
