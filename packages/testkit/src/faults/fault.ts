import {
  type Capture,
  type CapturedDisk,
  type PreparedCapture,
  type SourcePlugin,
  type SourceSession,
  type TargetPlugin,
  type TargetSession,
  wrapSource,
  wrapTarget,
} from '@holdfast/core'

/** What can go wrong at a target. */
export type TargetOperation = 'put' | 'get' | 'stat' | 'list' | 'remove'

/** What can go wrong at a source. */
export type SourceOperation = 'discover' | 'prepare' | 'take' | 'extents' | 'readInto' | 'acknowledge' | 'release'

/** A call on its way to the plugin. */
export interface FaultyCall {
  readonly operation: TargetOperation | SourceOperation
  /** Key, machine id or disk id that the call is about. */
  readonly subject: string
  readonly signal: AbortSignal
}

/**
 * Something that goes wrong, always at the same calls and bytes.
 *
 * A fault keeps count for as long as it lives, across the sessions of every plugin that it is given to.
 */
export interface Fault {
  /** Called before each call; may reject instead of letting it through. */
  readonly before?: (call: FaultyCall) => Promise<void> | void
  /** Passes on the bytes that the call moves, or others, or throws. `offset` counts from the start of the call. */
  readonly bytes?: (piece: Uint8Array, offset: number, call: FaultyCall) => Promise<Uint8Array> | Uint8Array
}

/** Decorates a target with faults; bytes pass through them in the given order. */
export function faultyTarget(inner: TargetPlugin, ...faults: readonly Fault[]): TargetPlugin {
  return wrapTarget(inner, (session): TargetSession => {
    return {
      ...targetFacets(session),
      put: async (key, body, options) => {
        const call: FaultyCall = { operation: 'put', subject: key, signal: options.signal }
        await before(faults, call)
        await session.put(key, throughFaults(faults, body, call), options)
      },
      get: async function* (key, options) {
        const call: FaultyCall = { operation: 'get', subject: key, signal: options.signal }
        await before(faults, call)
        yield* throughFaults(faults, session.get(key, options), call)
      },
      stat: async (key, options) => {
        await before(faults, { operation: 'stat', subject: key, signal: options.signal })
        return session.stat(key, options)
      },
      list: async function* (prefix, options) {
        await before(faults, { operation: 'list', subject: prefix, signal: options.signal })
        yield* session.list(prefix, options)
      },
      remove: async (key, options) => {
        await before(faults, { operation: 'remove', subject: key, signal: options.signal })
        await session.remove(key, options)
      },
      [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
    }
  })
}

/** Decorates a source with faults; bytes are those that `readInto` fills. */
export function faultySource(inner: SourcePlugin, ...faults: readonly Fault[]): SourcePlugin {
  return wrapSource(inner, (session): SourceSession => {
    return {
      ...sourceFacets(session),
      discover: async function* (selector, options) {
        await before(faults, { operation: 'discover', subject: '', signal: options.signal })
        yield* session.discover(selector, options)
      },
      prepare: async (machine, request, options) => {
        await before(faults, { operation: 'prepare', subject: machine.id, signal: options.signal })
        return faultyPreparation(faults, await session.prepare(machine, request, options), machine.id)
      },
      [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
    }
  })
}

function faultyPreparation(faults: readonly Fault[], prepared: PreparedCapture, machine: string): PreparedCapture {
  return {
    take: async (options) => {
      await before(faults, { operation: 'take', subject: machine, signal: options.signal })
      return faultyCapture(faults, await prepared.take(options))
    },
    [Symbol.asyncDispose]: () => prepared[Symbol.asyncDispose](),
  }
}

function faultyCapture(faults: readonly Fault[], capture: Capture): Capture {
  const subject = capture.machine.id
  return {
    machine: capture.machine,
    consistency: capture.consistency,
    takenAt: capture.takenAt,
    unavailable: capture.unavailable,
    disks: capture.disks.map((disk) => faultyDisk(faults, disk)),
    acknowledge: async (options) => {
      await before(faults, { operation: 'acknowledge', subject, signal: options.signal })
      await capture.acknowledge(options)
    },
    [Symbol.asyncDispose]: async () => {
      await capture[Symbol.asyncDispose]()
      await before(faults, { operation: 'release', subject, signal: new AbortController().signal })
    },
  }
}

function faultyDisk(faults: readonly Fault[], disk: CapturedDisk): CapturedDisk {
  return {
    ...disk,
    extents: async function* (since, options) {
      await before(faults, { operation: 'extents', subject: disk.id, signal: options.signal })
      yield* disk.extents(since, options)
    },
    readInto: async (offset, into, options) => {
      const call: FaultyCall = { operation: 'readInto', subject: disk.id, signal: options.signal }
      await before(faults, call)
      await disk.readInto(offset, into, options)
      for (const { bytes } of faults) {
        const changed = (await bytes?.(into, offset, call)) ?? into
        if (changed === into) continue
        // What a fault returns may be a part of the very buffer that is filled here.
        const kept = changed.slice()
        into.fill(0)
        into.set(kept)
      }
    },
  }
}

function targetFacets({ sync, immutability, ordering, capacity, media, sets, library }: TargetSession) {
  return {
    ...(sync && { sync }),
    ...(immutability && { immutability }),
    ...(ordering && { ordering }),
    ...(capacity && { capacity }),
    ...(media && { media }),
    ...(sets && { sets }),
    ...(library && { library }),
  }
}

function sourceFacets({ restore }: SourceSession) {
  return restore && { restore }
}

async function before(faults: readonly Fault[], call: FaultyCall): Promise<void> {
  for (const fault of faults) await fault.before?.(call)
}

async function* throughFaults(
  faults: readonly Fault[],
  stream: AsyncIterable<Uint8Array>,
  call: FaultyCall,
): AsyncGenerator<Uint8Array> {
  let offset = 0
  for await (const original of stream) {
    let piece = original
    for (const { bytes } of faults) piece = (await bytes?.(piece, offset, call)) ?? piece
    offset += original.length
    if (piece.length > 0) yield piece
  }
}
