import { Buffer } from 'node:buffer'
import type { CallOptions } from '../contract/context.js'
import { copyBytes, fromHex, toHex } from '../repository/bytes.js'
import type { ChunkLocation } from '../repository/chunk-index.js'
import { damaged } from '../repository/damage.js'
import { packKey } from '../repository/layout.js'
import type { Repository } from '../repository/repository.js'
import { chunkCache } from './chunk-cache.js'
import { type DecodedFrame, frameFetcher } from './fetch-frame.js'
import type { LivingIndex } from './living-index.js'
import { sharedCalls } from './shared-calls.js'
import { waitForAll } from './wait-for-all.js'
import type { WorkerPool } from './worker-pool.js'

/** A chunk that is wanted; the name is its id in hex. */
export interface NamedChunk {
  readonly name: string
  readonly length: number
}

/** What a supply has done since it was made. */
export interface SupplyFacts {
  /** Frames that were fetched and decoded, those ahead of readers among them. */
  readonly fetchedFrames: number
  readonly framesAhead: number
  readonly fetchedBytes: number
  readonly cachedBytes: number
}

/** Decoded chunks for all who read at random, each frame fetched once for those who want it at the same time. */
export interface ChunkSupply {
  /** Shows the bytes of each chunk, in any order, some of them again after a failure; nothing is shown once this settles. */
  readonly show: <C extends NamedChunk>(
    chunks: readonly C[],
    use: (chunk: C, bytes: Uint8Array) => void,
    options: CallOptions,
  ) => Promise<void>
  /** Starts to fetch what is not at hand, as far as there is room; tells how many of the chunks are taken care of. */
  readonly prepare: (chunks: readonly NamedChunk[]) => number
  readonly facts: () => SupplyFacts
  /** Ends all fetching. */
  readonly close: (reason: unknown) => Promise<void>
}

type FrameChunks = ReadonlyMap<string, Uint8Array>

/** Makes a supply for one repository. */
export function chunkSupply(
  repository: Repository,
  index: LivingIndex,
  pool: WorkerPool,
  maxCacheBytes: number,
): ChunkSupply {
  const cache = chunkCache(maxCacheBytes)
  const fetcher = frameFetcher(repository, pool)
  const fetches = sharedCalls<FrameChunks>()
  const closing = new AbortController()
  // Whoever waits for a frame comes before whoever may come to want one.
  const maxAhead = Math.max(1, Math.floor(pool.slabs.count / 4))
  const counts = { fetchedFrames: 0, framesAhead: 0, fetchedBytes: 0 }
  let ahead = 0

  const keepAll = ({ chunks, plain }: DecodedFrame): FrameChunks => {
    const all = new Map<string, Uint8Array>()
    for (const { id, offset, length } of chunks) {
      const name = toHex(id)
      let bytes = cache.find(name)
      if (bytes === undefined) {
        bytes = Buffer.allocUnsafeSlow(length)
        copyBytes(plain.subarray(offset, offset + length), bytes, 0)
        cache.keep(name, bytes)
      }
      all.set(name, bytes)
    }
    return all
  }

  const fetchFrame = ({ packInfo, frameOffset, frameBytes }: ChunkLocation, options: CallOptions) => {
    const fetch = (inner: CallOptions) => {
      counts.fetchedFrames++
      counts.fetchedBytes += frameBytes
      const frame = { pack: packInfo, frameOffset, frameBytes }
      return fetcher.withFrame(frame, false, async (decoded) => keepAll(decoded), inner)
    }
    return fetches.join(nameOf(packInfo.id, frameOffset), fetch, options)
  }

  const located = (chunk: NamedChunk): ChunkLocation => {
    const location = index.find(fromHex(chunk.name))
    if (location === undefined || location.plainBytes !== chunk.length)
      throw damaged(`chunk ${chunk.name}`, 'no index lists it')
    return location
  }

  const showMissing = async <C extends NamedChunk>(
    chunks: readonly C[],
    use: (chunk: C, bytes: Uint8Array) => void,
    options: CallOptions,
  ): Promise<void> => {
    const frames = new Map<string, { readonly at: ChunkLocation; readonly wanted: C[] }>()
    for (const chunk of chunks) {
      const at = located(chunk)
      const name = nameOf(at.packInfo.id, at.frameOffset)
      const frame = frames.get(name)
      if (frame === undefined) frames.set(name, { at, wanted: [chunk] })
      else frame.wanted.push(chunk)
    }
    await waitForAll(
      Array.from(frames.values(), async ({ at, wanted }) => {
        const found = await fetchFrame(at, options)
        for (const chunk of wanted) use(chunk, chunkOf(found, chunk, at))
      }),
    )
  }

  return {
    show: async (chunks, use, options) => {
      const missing = chunks.filter((chunk) => {
        const bytes = cache.find(chunk.name)
        if (bytes?.byteLength !== chunk.length) return true
        use(chunk, bytes)
        return false
      })
      if (missing.length > 0) await index.retrying(() => showMissing(missing, use, options), options)
    },
    prepare: (chunks) => {
      let done = 0
      for (const chunk of chunks) {
        const at = cache.has(chunk.name) ? undefined : index.find(fromHex(chunk.name))
        if (at !== undefined && !fetches.has(nameOf(at.packInfo.id, at.frameOffset))) {
          if (ahead >= maxAhead || closing.signal.aborted) break
          ahead++
          counts.framesAhead++
          const free = () => {
            ahead--
          }
          // What cannot be had is told to whoever really reads it.
          fetchFrame(at, { signal: closing.signal }).then(free, free)
        }
        done++
      }
      return done
    },
    facts: () => ({ ...counts, cachedBytes: cache.sizeBytes() }),
    close: async (reason) => {
      closing.abort(reason)
      await fetches.close(reason)
      cache.clear()
    },
  }
}

function nameOf(pack: string, frameOffset: number): string {
  return `${pack}/${frameOffset}`
}

/** A frame proves what it holds; whether that is what the index promised is asked here. */
function chunkOf(found: FrameChunks, { name, length }: NamedChunk, { packInfo }: ChunkLocation): Uint8Array {
  const bytes = found.get(name)
  if (bytes?.byteLength === length) return bytes
  throw damaged(packKey(packInfo.id), `the frame that should hold chunk ${name} holds another`)
}
