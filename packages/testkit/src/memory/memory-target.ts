import {
  BackupError,
  defineTarget,
  type ObjectKey,
  type TargetCapabilities,
  type TargetPlugin,
  type TargetSession,
} from '@holdfast/core'
import { type MemoryObjects, memoryObjects } from './memory-objects.js'
import { memoryGet, memoryList, memoryPut, memoryRemove } from './memory-operations.js'

/** Options of {@link memoryTarget}. */
export interface MemoryTargetOptions {
  /** @defaultValue `'memory'` */
  readonly id?: string
  /** Objects are locked on request. @defaultValue `false` */
  readonly immutability?: boolean
  /** Behave as a tape: best read in the order of storing, one at a time. @defaultValue `false` */
  readonly sequential?: boolean
  /** Offer the cheapest reading order. @defaultValue as `sequential` */
  readonly ordering?: boolean
  /** Objects can be removed. @defaultValue `true` */
  readonly removes?: boolean
  /** Objects last only once they are synced: those since then go with the session that put them. @defaultValue `false` */
  readonly sync?: boolean
  /** Room in bytes; a put beyond it fails with `E_TARGET_FULL`. @defaultValue unlimited, and no capacity facet */
  readonly capacityBytes?: number
  /** Largest object in bytes. @defaultValue unlimited */
  readonly maxObjectBytes?: number
  /** @defaultValue `true`, unless `sequential` */
  readonly rangeRead?: boolean
  /** How long each operation takes at least, in ms. @defaultValue `0` */
  readonly latencyMs?: number
}

/** A target whose objects live in memory and can be looked at and damaged by a test. */
export interface MemoryTarget extends TargetPlugin<TargetCapabilities> {
  /** What is stored, beneath the contract. */
  readonly objects: MemoryObjects
}

/** A target in memory: the reference implementation, with every facet on request. */
export function memoryTarget(options: MemoryTargetOptions = {}): MemoryTarget {
  const { id = 'memory', immutability = false, sequential = false, ordering = sequential, capacityBytes } = options
  const { removes = true, sync = false } = options
  const objects = memoryObjects()
  const plugin = defineTarget<Partial<TargetCapabilities>>({
    id,
    capabilities: {
      exclusiveCreate: true,
      immutability,
      sequential,
      ordering,
      removes,
      sync,
      capacity: capacityBytes !== undefined,
      rangeRead: options.rangeRead ?? !sequential,
      maxConcurrency: sequential ? 1 : 16,
      ...(options.maxObjectBytes === undefined ? {} : { maxObjectBytes: options.maxObjectBytes }),
    },
    open: async (context): Promise<TargetSession> => {
      context.signal.throwIfAborted()
      const host = {
        id,
        objects,
        capacityBytes,
        immutability,
        maxObjectBytes: options.maxObjectBytes,
        clock: context.clock,
      }
      const pause = async (signal: AbortSignal): Promise<void> => {
        signal.throwIfAborted()
        if (options.latencyMs !== undefined) await context.clock.sleep(options.latencyMs, { signal })
      }
      const unsynced = new Set<ObjectKey>()
      return {
        put: async (key, body, call) => {
          await pause(call.signal)
          await memoryPut(host, key, body, call)
          if (sync) unsynced.add(key)
        },
        get: async function* (key, call) {
          await pause(call.signal)
          yield* memoryGet(host, key, call)
        },
        stat: async (key, call) => {
          await pause(call.signal)
          return objects.info(key)
        },
        list: async function* (prefix, call) {
          await pause(call.signal)
          yield* memoryList(host, prefix, call)
        },
        remove: async (key, call) => {
          await pause(call.signal)
          if (!removes) throw new BackupError('E_UNSUPPORTED', 'This target keeps what was put there.', { plugin: id })
          memoryRemove(host, key)
        },
        ...(sync && {
          sync: async (call) => {
            await pause(call.signal)
            unsynced.clear()
          },
        }),
        ...(immutability ? { immutability: { retainUntil: async (key, until) => objects.lock(key, until) } } : {}),
        ...(ordering ? { ordering: { order: async (keys) => objects.inStorageOrder(keys) } } : {}),
        ...(capacityBytes === undefined
          ? {}
          : {
              capacity: {
                capacity: async () => ({ totalBytes: capacityBytes, freeBytes: capacityBytes - objects.usedBytes() }),
              },
            }),
        [Symbol.asyncDispose]: async () => {
          for (const key of unsynced) objects.drop(key)
          unsynced.clear()
        },
      }
    },
  })
  return Object.freeze({ ...plugin, objects })
}
