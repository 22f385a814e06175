import { Buffer } from 'node:buffer'
import type { CallOptions } from '../contract/context.js'
import { alignedMemory, wholePages } from '../files/aligned-memory.js'
import { copyBytes, fromHex, toHex } from './bytes.js'
import type { ChunkIndex } from './chunk-index.js'
import { type ChainLink, type FramePack, maxEncodedFrameBytes, storedOf } from './codec-chain.js'
import { packKeyBytes } from './data-key.js'
import type { EnvelopeContext } from './envelope.js'
import { frameTableBytes } from './frame.js'
import { packKey } from './layout.js'
import type { ObjectStore } from './object-store.js'
import { encodePackHeader, encodePackTail, type PackChunk, type PackKind } from './pack-format.js'
import { permits } from './permits.js'

/** A pack is closed once it has this many bytes. */
const targetPackBytes = 16 * 2 ** 20

/** Packs that may wait for the target while another fills: the bounded queue of a target. */
const queuedPacks = 2

/** A frame's promised place in an open pack; exactly one of `append` and `abandon` must be called. */
export interface FrameSlot {
  readonly pack: FramePack
  readonly sequence: number
  /** Copies the encoded frame into the pack and places its chunks in the index. */
  readonly append: (
    encoded: Uint8Array,
    chunks: readonly { readonly id: Uint8Array; readonly length: number }[],
  ) => void
  readonly abandon: () => void
}

/** Gathers encoded frames of one kind into packs and stores them, a few at a time. */
export interface PackWriter {
  /** Promises a place for a frame of at most `plainBytes`; waits while the target is behind. */
  readonly reserve: (plainBytes: number, options: CallOptions) => Promise<FrameSlot>
  /** Closes the open pack and waits until every pack that has frames by now is stored. */
  readonly flush: () => Promise<void>
  readonly storedBytes: () => number
}

/** What a pack writer needs of its repository. */
export interface PackWriterContext {
  readonly store: ObjectStore
  readonly index: ChunkIndex
  readonly envelope: EnvelopeContext
  readonly links: readonly ChainLink[]
  readonly kind: PackKind
  /** Aborts the storing of packs. */
  readonly signal: AbortSignal
  /** Called after each pack became durable. */
  readonly onPackStored?: () => void
}

interface OpenPack {
  readonly id: string
  readonly number: number
  readonly header: Buffer
  readonly framePack: FramePack
  readonly buffer: Buffer
  readonly chunks: PackChunk[]
  bytes: number
  pending: number
  pendingPlain: number
  sequence: number
  closing: boolean
  readonly stored: PromiseWithResolvers<void>
}

/** Starts writing packs. */
export function packWriter(context: PackWriterContext): PackWriter {
  const { store, index, envelope, links, kind } = context
  const dataKey = envelope.keyring?.current
  // The slack is for what transforms add to the frames under way.
  const bufferBytes = wholePages(limitOf(kind) + maxEncodedFrameBytes(links) + 2 ** 20)
  const buffers = permits<Buffer>(
    Array.from({ length: 1 + queuedPacks }, () => () => Buffer.from(alignedMemory(bufferBytes), 0, bufferBytes)),
  )
  let open: OpenPack | undefined
  let failure: { readonly error: unknown } | undefined
  let storedBytes = 0
  const unstored = new Set<OpenPack>()

  const openPack = (buffer: Buffer): OpenPack => {
    const packId = envelope.randomBytes(16)
    const header = encodePackHeader({
      packId,
      repositoryId: envelope.repositoryId,
      kind,
      dataKeyId: dataKey?.id ?? Buffer.alloc(8),
    })
    header.copy(buffer, 0)
    const id = toHex(packId)
    return {
      id,
      number: index.addPack({
        id,
        kind,
        sizeBytes: 0,
        dataKeyId: dataKey === undefined ? '' : toHex(dataKey.id),
        chain: storedOf(links),
      }),
      header,
      framePack: framePackOf(fromHex(id), links, (purpose) =>
        dataKey === undefined ? undefined : packKeyBytes(dataKey, packId, purpose),
      ),
      buffer,
      chunks: [],
      bytes: header.length,
      pending: 0,
      pendingPlain: 0,
      sequence: 0,
      closing: false,
      stored: Promise.withResolvers(),
    }
  }

  const storePack = async (pack: OpenPack): Promise<void> => {
    try {
      if (pack.chunks.length === 0) return
      const tail = encodePackTail(pack.header, { chain: storedOf(links), chunks: pack.chunks }, envelope)
      const body = pack.buffer.subarray(0, pack.bytes)
      await store.put(packKey(pack.id), [body, tail], { signal: context.signal })
      storedBytes += body.length + tail.length
      index.sealPack(pack.number, body.length + tail.length)
      context.onPackStored?.()
    } catch (error) {
      failure ??= { error }
      buffers.close(error)
    } finally {
      unstored.delete(pack)
      buffers.release(pack.buffer)
      pack.stored.resolve()
    }
  }

  const close = (pack: OpenPack) => {
    pack.closing = true
    if (open === pack) open = undefined
    if (pack.pending === 0) void storePack(pack)
  }

  const settle = (pack: OpenPack, plainBytes: number) => {
    pack.pending--
    pack.pendingPlain -= plainBytes
    if (pack.closing && pack.pending === 0) close(pack)
    else if (!pack.closing && pack.bytes >= limitOf(kind)) close(pack)
  }

  return {
    storedBytes: () => storedBytes,
    reserve: async (plainBytes, options) => {
      if (failure !== undefined) throw failure.error
      // Whoever waited for a buffer looks again: another caller may have opened a pack, and it may be full by now.
      for (;;) {
        if (open !== undefined && open.bytes + open.pendingPlain >= limitOf(kind)) close(open)
        if (open !== undefined) break
        const buffer = await buffers.acquire(options)
        if (open !== undefined) buffers.release(buffer)
        else {
          open = openPack(buffer)
          unstored.add(open)
        }
      }
      const pack: OpenPack = open
      const sequence = pack.sequence++
      pack.pending++
      pack.pendingPlain += plainBytes
      return {
        pack: pack.framePack,
        sequence,
        append: (encoded, chunks) => {
          const frameOffset = pack.bytes
          copyBytes(encoded, pack.buffer, frameOffset)
          pack.bytes += encoded.byteLength
          let plainOffset = frameTableBytes(chunks.length)
          for (const { id, length } of chunks) {
            const place = { frameOffset, frameBytes: encoded.byteLength, plainOffset, plainBytes: length }
            pack.chunks.push({ id: Buffer.from(id), ...place })
            index.place(id, { pack: pack.number, ...place })
            plainOffset += length
          }
          settle(pack, plainBytes)
        },
        abandon: () => settle(pack, plainBytes),
      }
    },
    flush: async () => {
      if (open !== undefined) close(open)
      await Promise.all([...unstored].map((pack) => pack.stored.promise))
      if (failure !== undefined) throw failure.error
    },
  }
}

/** The keys of a pack, one a keyed link. */
export function framePackOf(
  packId: Uint8Array,
  links: readonly { readonly id: string; readonly keyed: boolean }[],
  keyFor: (purpose: string) => Uint8Array | undefined,
): FramePack {
  return { packId, keys: links.map((link, position) => (link.keyed ? keyFor(`${position} ${link.id}`) : undefined)) }
}

function limitOf(kind: PackKind): number {
  return kind === 'data' ? targetPackBytes : targetPackBytes / 4
}
