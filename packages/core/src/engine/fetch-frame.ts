import type { CallOptions } from '../contract/context.js'
import { isBackupError } from '../contract/errors.js'
import { pageBytes } from '../files/aligned-memory.js'
import type { IndexedPack } from '../repository/chunk-index.js'
import { type PackDecoding, packDecoding } from '../repository/chunk-reader.js'
import { damaged } from '../repository/damage.js'
import { packKey } from '../repository/layout.js'
import { readRange } from '../repository/object-reader.js'
import type { Repository } from '../repository/repository.js'
import { slabBytes } from './slabs.js'
import type { WorkerPool } from './worker-pool.js'
import type { DecodeResult, DecodeTask } from './worker-tasks.js'

/** A decoded frame in a slab, valid until `use` returns. */
export interface DecodedFrame {
  readonly chunks: DecodeResult['chunks']
  readonly plain: Uint8Array
}

/** A frame that is wanted. */
export interface WantedFrame {
  readonly pack: IndexedPack
  readonly frameOffset: number
  readonly frameBytes: number
  /** The byte of the plain frame that is to lie at a page, so that it can be written past the page cache. */
  readonly pageAt?: number
}

/** Fetches and decodes frames of one repository through the slab ring. */
export interface FrameFetcher {
  /** Every chunk is proved to be what its id says, by the chain's authentication or by hashing; `rehash` forces hashing. */
  readonly withFrame: <T>(
    frame: WantedFrame,
    rehash: boolean,
    use: (decoded: DecodedFrame) => Promise<T>,
    options: CallOptions,
  ) => Promise<T>
}

/** Makes a fetcher; packs' chains and keys are derived once each. */
export function frameFetcher(repository: Repository, pool: WorkerPool): FrameFetcher {
  const { slabs } = pool
  const decodings = new Map<string, PackDecoding>()
  const decodingOf = (pack: IndexedPack): PackDecoding => {
    const known = decodings.get(pack.id) ?? packDecoding(pack, repository.transforms, repository.keys?.keyring)
    decodings.set(pack.id, known)
    if (decodings.size > 4096) decodings.delete(decodings.keys().next().value ?? '')
    return known
  }

  /** Decodes a frame into an output slab, which is the caller's to release. */
  const fetch = async (
    frame: WantedFrame,
    rehash: boolean,
    outputOffset: number,
    options: CallOptions,
  ): Promise<{ readonly output: number; readonly chunks: DecodeResult['chunks'] }> => {
    const key = packKey(frame.pack.id)
    if (frame.frameBytes > slabBytes) throw damaged(key, `a frame is said to have ${frame.frameBytes} bytes`)
    const { links, framePack } = decodingOf(frame.pack)
    // What a pack says of itself is believed only where keys prove it.
    const trusted = repository.keys !== undefined && links.some((link) => link.keyed && link.authenticates)
    const input = await slabs.inputs.acquire(options)
    try {
      const encoded = slabs.whole(input).subarray(0, frame.frameBytes)
      await readRange(repository.store, key, frame.frameOffset, encoded, options)
      const output = await slabs.outputs.acquire(options)
      try {
        const task: DecodeTask = {
          kind: 'decode',
          slab: input,
          encodedBytes: frame.frameBytes,
          links,
          pack: framePack,
          output,
          outputOffset,
          rehash: rehash || !trusted ? repository.identity : undefined,
        }
        const { chunks } = await naming(key, () => pool.perform(task, options))
        return { output, chunks }
      } catch (error) {
        slabs.outputs.release(output)
        throw error
      }
    } finally {
      slabs.inputs.release(input)
    }
  }

  return {
    withFrame: async (frame, rehash, use, options) => {
      const { pageAt = 0 } = frame
      const outputOffset = (pageBytes - (pageAt % pageBytes)) % pageBytes
      const { output, chunks } = await fetch(frame, rehash, outputOffset, options)
      try {
        return await use({ chunks, plain: slabs.whole(output).subarray(outputOffset) })
      } finally {
        slabs.outputs.release(output)
      }
    },
  }
}

async function naming<T>(object: string, decode: () => Promise<T>): Promise<T> {
  try {
    return await decode()
  } catch (error) {
    if (isBackupError(error) && error.code === 'E_DAMAGED' && error.context['object'] === undefined)
      throw damaged(object, error.message, error)
    throw error
  }
}
