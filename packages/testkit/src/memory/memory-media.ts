import { BackupError, type MediaFacet, type Medium, type NeededMedium, type ObjectKey } from '@holdfast/core'

/** The media of a memory target, for its sessions and for tests that take some away. */
export interface MemoryMedia {
  /** Every medium that was written to, in that order. */
  readonly list: () => readonly Medium[]
  /** Takes a medium away: objects on it are listed and cannot be read. */
  readonly takeAway: (name: string, location: string) => void
  readonly bringBack: (name: string) => void
}

/** The media that hold one repository, in the order in which they were written. */
export interface MediaRow {
  readonly list: () => readonly Medium[]
  /** Puts an object on the last medium, or on a new one when it does not fit. */
  readonly place: (key: ObjectKey, sizeBytes: number) => void
  readonly facet: MediaFacet
  /** @throws BackupError `E_MEDIA_NEEDED` when the object is on a medium that is away */
  readonly expectOnline: (key: ObjectKey) => void
}

/** All media, and rows of them for one repository each. */
export interface MemoryMediaShelf extends MemoryMedia {
  readonly newRow: (exists: (key: ObjectKey) => boolean) => MediaRow
}

/** Makes media of `mediumBytes` each, named `MEM001` and so on, as they are needed. */
export function memoryMedia(mediumBytes: number): MemoryMediaShelf {
  const names: string[] = []
  const locations = new Map<string, string>()
  const known = (name: string): string => {
    if (!names.includes(name)) throw new RangeError(`there is no medium ${name}`)
    return name
  }
  const medium = (name: string): Medium => ({ name, isOnline: !locations.has(name), location: locations.get(name) })
  return {
    list: () => names.map(medium),
    takeAway: (name, location) => {
      locations.set(known(name), location)
    },
    bringBack: (name) => {
      locations.delete(known(name))
    },
    newRow: (exists) => {
      const row: { readonly name: string; usedBytes: number }[] = []
      const placed = new Map<ObjectKey, string>()
      return {
        list: () => row.map(({ name }) => medium(name)),
        place: (key, sizeBytes) => {
          const last = row.at(-1)
          if (last !== undefined && last.usedBytes + sizeBytes <= mediumBytes) {
            last.usedBytes += sizeBytes
            placed.set(key, last.name)
            return
          }
          const name = `MEM${String(names.length + 1).padStart(3, '0')}`
          names.push(name)
          row.push({ name, usedBytes: sizeBytes })
          placed.set(key, name)
        },
        facet: {
          needed: async (keys, { signal }) => {
            signal.throwIfAborted()
            const missing = keys.find((key) => !exists(key))
            if (missing !== undefined) throw new BackupError('E_OBJECT_NOT_FOUND', `There is no object ${missing}.`)
            const wanted = new Set(keys)
            const inStorageOrder = [...placed].filter(([key]) => wanted.has(key))
            return row.flatMap(({ name }): NeededMedium[] => {
              const there = inStorageOrder.filter(([, place]) => place === name).map(([key]) => key)
              return there.length === 0 ? [] : [{ ...medium(name), keys: there }]
            })
          },
        },
        expectOnline: (key) => {
          const name = placed.get(key)
          const location = name === undefined ? undefined : locations.get(name)
          if (location === undefined) return
          throw new BackupError('E_MEDIA_NEEDED', `${name} is needed for ${key}, and it is at '${location}'.`, {
            context: { key, medium: name ?? '' },
            hint: `Bring ${name} back.`,
          })
        },
      }
    },
  }
}
