import { defineTarget, type TargetCapabilities, type TargetPlugin, type TargetSession } from '@holdfast/core'
import { type MemoryMedia, memoryMedia } from './memory-media.js'
import { type MemoryObjects, memoryObjects } from './memory-objects.js'
import { type MemoryPlace, type MemorySessionHost, memorySession } from './memory-session.js'
import { type MemorySet, memorySets, memorySetsFacet, readOnly } from './memory-sets.js'

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
  /** Objects can be removed. @defaultValue `true`, unless `sets` */
  readonly removes?: boolean
  /** Objects last only once they are synced: those since then go with the session that put them. @defaultValue `false` */
  readonly sync?: boolean
  /** Bulk objects lie on media that a test can take away. @defaultValue `false` */
  readonly media?: boolean
  /** Room for bulk objects on each medium, in bytes; a larger object has one to itself. @defaultValue unlimited */
  readonly mediumBytes?: number
  /** Media come in sets, kept for good unless a session asks for less. @defaultValue `false` */
  readonly sets?: boolean
  /** What a session writes to: the newest set, or a new one of its own. @defaultValue `'continue'` */
  readonly allocation?: 'continue' | 'new'
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
  /** What is stored, beneath the contract; with `sets` see {@link MemoryTarget.mediaSets}. */
  readonly objects: MemoryObjects
  /** The sets that hold something, oldest first. */
  readonly mediaSets: () => readonly MemorySet[]
  readonly media: MemoryMedia
}

/** A target in memory: the reference implementation, with every facet on request. */
export function memoryTarget(options: MemoryTargetOptions = {}): MemoryTarget {
  const { id = 'memory', immutability = false, sequential = false, ordering = sequential, capacityBytes } = options
  const { media = false, sets: hasSets = false, removes = !hasSets, sync = false } = options
  const shelf = memoryMedia(options.mediumBytes ?? Number.POSITIVE_INFINITY)
  const mediaOf = (of: MemoryObjects) => (media ? shelf.newRow((key) => of.find(key) !== undefined) : undefined)
  const objects = memoryObjects()
  const whole: MemoryPlace = { objects, media: mediaOf(objects) }
  const sets = memorySets(options.allocation ?? 'continue', mediaOf)
  const plugin = defineTarget<Partial<TargetCapabilities>>({
    id,
    capabilities: {
      exclusiveCreate: true,
      immutability,
      sequential,
      ordering,
      removes,
      sync,
      media,
      sets: hasSets,
      capacity: capacityBytes !== undefined,
      rangeRead: options.rangeRead ?? !sequential,
      maxConcurrency: sequential ? 1 : 16,
      ...(options.maxObjectBytes === undefined ? {} : { maxObjectBytes: options.maxObjectBytes }),
    },
    open: async (context): Promise<TargetSession> => {
      context.signal.throwIfAborted()
      const { clock } = context
      const { maxObjectBytes, latencyMs } = options
      const common: Omit<MemorySessionHost, 'place' | 'placeForPut'> = {
        ...{ id, clock, capacityBytes, immutability, maxObjectBytes, ordering, removes, sync, hasMedia: media },
        pause: async (signal) => {
          signal.throwIfAborted()
          if (latencyMs !== undefined) await clock.sleep(latencyMs, { signal })
        },
      }
      const at = (place: MemoryPlace) => memorySession({ ...common, place: () => place, placeForPut: () => place })
      if (!hasSets) return at(whole)
      const writing = (keepUntil: Date | undefined): TargetSession => {
        let chosen: MemoryPlace | undefined
        const placeForPut = () => {
          chosen ??= sets.choose(keepUntil, clock.now())
          return chosen
        }
        return memorySession({ ...common, place: () => chosen ?? sets.continued(), placeForPut })
      }
      const { facet, close } = memorySetsFacet(sets, { reading: (set) => readOnly(id, at(set)), writing })
      const base = writing(undefined)
      const dispose = async () => {
        await close()
        await base[Symbol.asyncDispose]()
      }
      return { ...base, sets: facet, [Symbol.asyncDispose]: dispose }
    },
  })
  return Object.freeze({ ...plugin, objects, mediaSets: sets.list, media: shelf })
}
