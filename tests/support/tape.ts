import { type DiskId, type ObjectKey, type TargetPlugin, type TransformPlugin, wrapTarget } from '@holdfast/core'
import type { Provision } from '@holdfast/core/engine'
import { type MemoryTarget, type MemoryTargetOptions, memoryTarget } from '@holdfast/testkit/memory'
import { zstdTransform } from '@holdfast/transform-zstd'

/** A request for an object, and how much of it. */
export interface TapeRead {
  readonly key: string
  readonly offset: number
  readonly length: number
}

/** A sequential target that keeps a record of what is read. */
export interface Tape {
  readonly name: string
  readonly plugin: TargetPlugin
  readonly transforms: readonly TransformPlugin[]
  readonly memory: MemoryTarget
  /** What was read since the last rewind. */
  readonly reads: readonly TapeRead[]
  /** Reads under way, and most of them at a time. */
  readonly underWay: () => number
  readonly atOnce: () => number
  readonly rewind: () => void
  /** Packs with content of disks, in storage order. */
  readonly dataPacks: () => readonly string[]
  /** What was read of them. */
  readonly packReads: () => readonly TapeRead[]
}

/** Makes one. `onRead` may fail, or do something, when an object is asked for. */
export function tape(
  onRead: (read: TapeRead) => void = () => {},
  options: MemoryTargetOptions = {},
  transforms: readonly TransformPlugin[] = [zstdTransform({ level: 1 })],
): Tape {
  const memory = memoryTarget({ sequential: true, ...options })
  const reads: TapeRead[] = []
  let underWay = 0
  let atOnce = 0
  const plugin = wrapTarget(memory, (session) => ({
    ...session,
    get: async function* (key, call) {
      const size = memory.objects.find(key)?.bytes.length ?? 0
      const read = { key, offset: call.range?.offset ?? 0, length: call.range?.length ?? size }
      reads.push(read)
      underWay++
      atOnce = Math.max(atOnce, underWay)
      try {
        onRead(read)
        yield* session.get(key, call)
      } finally {
        underWay--
      }
    },
  }))
  const dataPacks = () => {
    const keys = memory.objects.keys().filter((key) => key.startsWith('packs/'))
    return memory.objects.inStorageOrder(keys.filter((key) => memory.objects.find(key)?.bytes[5] === 0))
  }
  return {
    name: 'tape',
    plugin,
    transforms,
    memory,
    reads,
    underWay: () => underWay,
    atOnce: () => atOnce,
    rewind: () => {
      reads.length = 0
      atOnce = 0
    },
    dataPacks,
    packReads: () => {
      const packs = new Set<string>(dataPacks())
      return reads.filter(({ key }) => packs.has(key))
    },
  }
}

/** Bytes of an object, to be altered. */
export function storedBytes({ memory }: Tape, key: string): Uint8Array {
  return Buffer.from(memory.objects.find(key as ObjectKey)?.bytes ?? [])
}

/** A place for machines that says what became of them. */
export interface Shelf {
  readonly provision: Provision
  readonly disks: ReadonlyMap<string, Uint8Array>
  /** Provisioned, committed, discarded: in order, by name. */
  readonly journal: readonly string[]
}

/** Makes one; `onWrite` may fail, or take its time. */
export function shelf(name: string, onWrite: (disk: DiskId, offset: number) => Promise<void> | void = () => {}): Shelf {
  const disks = new Map<string, Uint8Array>()
  const journal: string[] = []
  return {
    disks,
    journal,
    provision: async (_, wanted) => {
      journal.push('provisioned')
      return {
        location: name,
        disks: wanted.map(({ id, sizeBytes }) => {
          const bytes = new Uint8Array(sizeBytes)
          disks.set(id, bytes)
          const write = async (offset: number, data: Uint8Array) => {
            await onWrite(id, offset)
            bytes.set(data, offset)
          }
          return { id, sizeBytes, write }
        }),
        commit: async () => void journal.push('committed'),
        [Symbol.asyncDispose]: async () => void journal.push('disposed'),
      }
    },
  }
}
