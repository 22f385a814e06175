import { Buffer } from 'node:buffer'
import type { TargetCapabilities } from '../contract/target.js'
import { wholePages } from '../files/aligned-memory.js'
import { renewInHugePages } from '../files/huge-pages.js'
import { fromHex, toHex } from './bytes.js'
import type { ChunkIndex } from './chunk-index.js'
import { type ChainLink, type FramePack, maxEncodedFrameBytes, storedOf } from './codec-chain.js'
import { packKeyBytes } from './data-key.js'
import type { EnvelopeContext } from './envelope.js'
import { frameTableBytes } from './frame.js'
import { packKey } from './layout.js'
import type { ObjectStore } from './object-store.js'
import { encodePackHeader, encodePackTail, type PackChunk, type PackKind } from './pack-format.js'
import { newPackRoom, type PackRoom } from './pack-room.js'
import { permits } from './permits.js'

/** A pack is closed once it has this many bytes. */
const targetPackBytes = 16 * 2 ** 20

/** Packs that may wait for the target while another fills: the bounded queue of a target. A sequential one takes one after another. */
const queuedPacks = ({ sequential }: TargetCapabilities) => (sequential ? 1 : 2)

/** A buffer that holds its fourth pack is worth huge pages: to clear them costs a short run more than they save. */
const hugePagesFrom = 4

/** A frame's promised place in an open pack; exactly one of `place` and `abandon` must be called. */
export interface FrameSlot {
  readonly pack: FramePack
  readonly sequence: number
  /** Takes the encoded frame. */
  readonly room: PackRoom
  /** Says where in the room the frame lies, and places its chunks in the index. */
  readonly place: (
    frameOffset: number,
    frameBytes: number,
    chunks: readonly { readonly id: Uint8Array; readonly length: number }[],
  ) => void
  /** Gives the pack up, since the frame may have left a gap: none of it is stored. */
  readonly abandon: () => void
}

/** Gathers encoded frames of one kind into packs and stores them, a few at a time. */
export interface PackWriter {
  /** Promises a place for a frame of at most `plainBytes`; waits while the target is behind. */
  readonly reserve: (plainBytes: number) => Promise<FrameSlot>
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
  /** Aborts the storing of packs, and whoever waits for a place in one. */
  readonly signal: AbortSignal
  /** Called after each pack became durable. */
  readonly onPackStored?: () => void
}

/** Memory for one pack at a time. */
interface PackBuffer {
  readonly room: PackRoom
  /** Packs that it has held by now. */
  packs: number
}

interface OpenPack {
  readonly id: string
  readonly number: number
  readonly header: Buffer
  readonly framePack: FramePack
  readonly memory: PackBuffer
  readonly chunks: PackChunk[]
  bytes: number
  pending: number
  pendingPlain: number
  sequence: number
  closing: boolean
  abandoned: boolean
  readonly stored: PromiseWithResolvers<void>
}

/** Starts writing packs. */
export function packWriter(context: PackWriterContext): PackWriter {
  const { store, index, envelope, links, kind } = context
  const dataKey = envelope.keyring?.current
  // The slack is for what transforms add to the frames under way.
  const bufferBytes = wholePages(limitOf(kind) + maxEncodedFrameBytes(links) + 2 ** 20)
  const buffers = permits<PackBuffer>(
    Array.from({ length: 1 + queuedPacks(store.capabilities) }, () => () => ({
      room: newPackRoom(bufferBytes),
      packs: 0,
    })),
  )
  let open: OpenPack | undefined
  let opening: Promise<void> | undefined
  let failure: { readonly error: unknown } | undefined
  let storedBytes = 0
  const unstored = new Set<OpenPack>()

  const openPack = (memory: PackBuffer): OpenPack => {
    const { whole, startAt } = memory.room
    memory.packs++
    if (memory.packs === hugePagesFrom) renewInHugePages(whole)
    const packId = envelope.randomBytes(16)
    const header = encodePackHeader({
      packId,
      repositoryId: envelope.repositoryId,
      kind,
      dataKeyId: dataKey?.id ?? Buffer.alloc(8),
    })
    whole.set(header)
    startAt(header.length)
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
      memory,
      framePack: framePackOf(fromHex(id), links, (purpose) =>
        dataKey === undefined ? undefined : packKeyBytes(dataKey, packId, purpose),
      ),
      chunks: [],
      bytes: header.length,
      pending: 0,
      pendingPlain: 0,
      sequence: 0,
      closing: false,
      abandoned: false,
      stored: Promise.withResolvers(),
    }
  }

  const openNext = async (): Promise<void> => {
    try {
      open = openPack(await buffers.acquire(context))
      unstored.add(open)
    } finally {
      opening = undefined
    }
  }

  const storePack = async (pack: OpenPack): Promise<void> => {
    try {
      if (pack.chunks.length === 0 || pack.abandoned) return
      const tail = encodePackTail(pack.header, { chain: storedOf(links), chunks: pack.chunks }, envelope)
      const body = pack.memory.room.whole.subarray(0, pack.bytes)
      await store.put(packKey(pack.id), [body, tail], { signal: context.signal, isBulk: context.kind === 'data' })
      storedBytes += body.length + tail.length
      index.sealPack(pack.number, body.length + tail.length)
      context.onPackStored?.()
    } catch (error) {
      failure ??= { error }
      buffers.close(error)
    } finally {
      unstored.delete(pack)
      buffers.release(pack.memory)
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
    reserve: async (plainBytes) => {
      if (failure !== undefined) throw failure.error
      for (;;) {
        if (open !== undefined && open.bytes + open.pendingPlain >= limitOf(kind)) close(open)
        if (open !== undefined) break
        // All who wait share the next pack: if each waited for one of its own, their slabs would wait for many packs.
        opening ??= openNext()
        await opening
      }
      const pack: OpenPack = open
      const sequence = pack.sequence++
      pack.pending++
      pack.pendingPlain += plainBytes
      return {
        pack: pack.framePack,
        sequence,
        room: pack.memory.room,
        place: (frameOffset, frameBytes, chunks) => {
          pack.bytes += frameBytes
          let plainOffset = frameTableBytes(chunks.length)
          for (const { id, length } of chunks) {
            const place = { frameOffset, frameBytes, plainOffset, plainBytes: length }
            pack.chunks.push({ id: Buffer.from(id), ...place })
            index.place(id, { pack: pack.number, ...place })
            plainOffset += length
          }
          settle(pack, plainBytes)
        },
        abandon: () => {
          pack.abandoned = true
          settle(pack, plainBytes)
        },
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
