import type { CallOptions } from '../contract/context.js'
import { alignedMemory } from '../files/aligned-memory.js'
import type { ObjectKey } from '../model/ids.js'
import { readRange } from '../repository/object-reader.js'
import type { ObjectStore } from '../repository/object-store.js'
import { type Permits, permits } from '../repository/permits.js'

/** Most that is read at once: any pack that we write fits; of larger ones, a part after the other is read. */
export const maxStretchBytes: number = 32 * 2 ** 20

/** Bytes of an object that are read in one request. */
export interface Stretch {
  readonly key: ObjectKey
  readonly offset: number
  /** At most {@link maxStretchBytes}. */
  readonly length: number
}

/** A stretch that was read. */
export interface HeldStretch<T extends Stretch> {
  readonly stretch: T
  /** Gives the bytes, valid until release; throws what reading them failed with. */
  readonly bytes: () => Uint8Array
  /** Gives the memory back: called once. */
  readonly release: () => void
}

/** Memory for stretches. */
export type ReadBuffers = Permits<Uint8Array>

/** Allocates memory for two stretches: one is read while the other is worked on. What is never touched costs nothing. */
export function readBuffers(): ReadBuffers {
  const allocate = () => new Uint8Array(alignedMemory(maxStretchBytes), 0, maxStretchBytes)
  return permits<Uint8Array>([allocate, allocate])
}

/**
 * Reads stretches one after the other, in order, each in one request, and always one ahead of who takes them.
 *
 * Guarantee: never two requests at once. A request that fails is told by its stretch, and the next is read all the same.
 * Abort, or an early return: nothing is being read any more once it ends.
 */
export async function* readAhead<T extends Stretch>(
  store: Pick<ObjectStore, 'get'>,
  stretches: Iterable<T>,
  buffers: ReadBuffers,
  options: CallOptions,
): AsyncGenerator<HeldStretch<T>> {
  const stopping = new AbortController()
  const inner = { signal: AbortSignal.any([options.signal, stopping.signal]) }
  const remaining = stretches[Symbol.iterator]()
  const readNext = async (): Promise<HeldStretch<T> | undefined> => {
    const next = remaining.next()
    if (next.done === true) return undefined
    const { key, offset, length } = next.value
    const buffer = await buffers.acquire(inner)
    const bytes = buffer.subarray(0, length)
    let failure: { readonly error: unknown } | undefined
    try {
      await readRange(store, key, offset, bytes, inner)
    } catch (error) {
      failure = { error }
    }
    inner.signal.throwIfAborted()
    return {
      stretch: next.value,
      bytes: () => {
        if (failure !== undefined) throw failure.error
        return bytes
      },
      release: () => buffers.release(buffer),
    }
  }
  let ahead = readNext()
  try {
    for (;;) {
      const held = await ahead
      if (held === undefined) return
      ahead = readNext()
      // Its failure is told when its turn comes.
      ahead.catch(() => undefined)
      yield held
    }
  } finally {
    stopping.abort()
    // Whoever stops early has his own reason; nothing may still read when the repository is closed.
    await ahead.catch(() => undefined)
  }
}
