import type { CallOptions } from '../contract/context.js'
import { isBackupError } from '../contract/errors.js'
import { pageBytes } from '../files/aligned-memory.js'
import type { IndexedPack } from '../repository/chunk-index.js'
import { type PackDecoding, packDecoding } from '../repository/chunk-reader.js'
import { damaged } from '../repository/damage.js'
import { packKey } from '../repository/layout.js'
import { rangeReader, readRange } from '../repository/object-reader.js'
import type { Repository } from '../repository/repository.js'
import { slabBytes } from './slabs.js'
import { waitForAll } from './wait-for-all.js'
import type { WorkerPool } from './worker-pool.js'
import type { DecodeResult, DecodeTask } from './worker-tasks.js'

/** A decoded frame in a slab, valid until `use` returns. */
export interface DecodedFrame {
  readonly chunks: DecodeResult['chunks']
  readonly plain: Uint8Array
}

/** Where a frame lies in its pack. */
export interface FramePlace {
  readonly frameOffset: number
  readonly frameBytes: number
}

/** A frame that is wanted. */
export interface WantedFrame extends FramePlace {
  readonly pack: IndexedPack
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
  /**
   * Reads frames of one pack in one request, as far as they follow one another, and decodes them side by side.
   *
   * Frames that cannot be had go to `lost`, as does what `use` throws. Every chunk is hashed.
   */
  readonly withFrames: (
    pack: IndexedPack,
    frames: readonly FramePlace[],
    use: (decoded: DecodedFrame, number: number) => Promise<void>,
    lost: (error: unknown, number: number) => void,
    options: CallOptions,
  ) => Promise<void>
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

  /** Reads an encoded frame into an input slab, which is the caller's to release. */
  const filled = async (
    { pack, frameBytes }: WantedFrame,
    fill: (into: Uint8Array) => Promise<void>,
    options: CallOptions,
  ): Promise<number> => {
    if (frameBytes > slabBytes) throw damaged(packKey(pack.id), `a frame is said to have ${frameBytes} bytes`)
    const input = await slabs.inputs.acquire(options)
    try {
      await fill(slabs.whole(input).subarray(0, frameBytes))
      return input
    } catch (error) {
      slabs.inputs.release(input)
      throw error
    }
  }

  /** Decodes a frame into an output slab; both slabs are given back as soon as they can be. */
  const decoded = async <T>(
    input: number,
    { pack, frameBytes, pageAt = 0 }: WantedFrame,
    rehash: boolean,
    use: (decoded: DecodedFrame) => Promise<T>,
    options: CallOptions,
  ): Promise<T> => {
    const outputOffset = (pageBytes - (pageAt % pageBytes)) % pageBytes
    const decode = async (): Promise<{ readonly output: number; readonly chunks: DecodeResult['chunks'] }> => {
      const { links, framePack } = decodingOf(pack)
      // What a pack says of itself is believed only where keys prove it.
      const trusted = repository.keys !== undefined && links.some((link) => link.keyed && link.authenticates)
      const output = await slabs.outputs.acquire(options)
      try {
        const task: DecodeTask = {
          kind: 'decode',
          slab: input,
          encodedBytes: frameBytes,
          links,
          pack: framePack,
          output,
          outputOffset,
          rehash: rehash || !trusted ? repository.identity : undefined,
        }
        const { chunks } = await naming(packKey(pack.id), () => pool.perform(task, options))
        return { output, chunks }
      } catch (error) {
        slabs.outputs.release(output)
        throw error
      }
    }
    const { output, chunks } = await decode().finally(() => slabs.inputs.release(input))
    try {
      return await use({ chunks, plain: slabs.whole(output).subarray(outputOffset) })
    } finally {
      slabs.outputs.release(output)
    }
  }

  const withFrame: FrameFetcher['withFrame'] = async (frame, rehash, use, options) => {
    const key = packKey(frame.pack.id)
    const fill = (into: Uint8Array) => readRange(repository.store, key, frame.frameOffset, into, options)
    return decoded(await filled(frame, fill, options), frame, rehash, use, options)
  }

  const withFrames: FrameFetcher['withFrames'] = async (pack, frames, use, lost, options) => {
    const tasks: Promise<void>[] = []
    const start = (input: number, frame: FramePlace, number: number) => {
      const task = decoded(input, { pack, ...frame }, true, (each) => use(each, number), options)
      tasks.push(
        task.catch((error: unknown) => {
          // After an abort nothing is lost, and whoever waits for all frames is told of it.
          if (!options.signal.aborted) lost(error, number)
        }),
      )
    }
    let next = 0
    try {
      const offset = frames[0]?.frameOffset ?? 0
      const length = consecutiveBytes(frames)
      await using reader = rangeReader(repository.store, packKey(pack.id), { offset, length }, options)
      for (let rest = length; rest > 0; next++) {
        const frame = frames[next]
        if (frame === undefined) break
        start(await filled({ pack, ...frame }, reader.read, options), frame, next)
        rest -= frame.frameBytes
      }
    } catch {
      // Whatever broke the request, a frame that is lost for good says so itself.
    }
    await waitForAll(tasks)
    options.signal.throwIfAborted()
    for (; next < frames.length; next++) {
      const number = next
      const frame = frames[number]
      if (frame === undefined) break
      const one = withFrame({ pack, ...frame }, true, (each) => use(each, number), options)
      await one.catch((error: unknown) => lost(error, number))
    }
  }

  return { withFrame, withFrames }
}

/** Bytes of the frames from the first on that follow one another without gap. */
function consecutiveBytes(frames: readonly FramePlace[]): number {
  const start = frames[0]?.frameOffset ?? 0
  let end = start
  for (const { frameOffset, frameBytes } of frames) {
    if (frameOffset !== end) break
    end += frameBytes
  }
  return end - start
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
