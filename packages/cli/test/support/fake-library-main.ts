// A target for configurations: a library whose cartridges, places and faults are lines of `library.json` beside the
// configuration, because each command is a process of its own. Copied there, it may import packages only.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  BackupError,
  defineTarget,
  type LibraryDrive,
  type LibraryFacet,
  type LibraryMedium,
  type LibraryPlace,
  type LibraryPlaceName,
  type MediaSet,
  type TargetSession,
} from '@holdfast/core'

/** A medium as `library.json` keeps it. */
export interface FakeMedium {
  state: LibraryMedium['state']
  /** What reading it shows; without it, what `state` says. */
  found?: LibraryMedium['state'] | 'damaged'
  pool?: string
  set?: string
  sequence?: number
  keepUntil?: string
  usedBytes?: number
  location?: string
  problem?: string
}

/** What a place holds: a name, nothing, or something that has no name that can be read. */
export interface FakePlace {
  kind: LibraryPlace['kind']
  medium: string | 'nameless' | null
  problem?: string
}

/** All of `library.json`. Places of a kind are counted as they come. */
export interface FakeLibrary {
  places: FakePlace[]
  media: Record<string, FakeMedium>
  drives: { name: string; alerts: string[] }[]
  /** Another process uses the drive. */
  busy?: boolean
  sets?: { id: string; createdAt: string; keepUntil?: string; media: string[] }[]
}

const options = { '~standard': { version: 1, vendor: 'test', validate: (value: unknown) => ({ value }) } } as const

/** Keeps no sets when its options say so. */
const create = ({ sets = true }: { readonly sets?: boolean } = {}) =>
  defineTarget({
    id: 'fake-library',
    capabilities: { library: true, sets },
    open: async ({ baseDir }) => {
      const path = join(baseDir, 'library.json')
      const state: FakeLibrary = JSON.parse(readFileSync(path, 'utf8'))
      const library = fakeLibrary(state, () => writeFileSync(path, JSON.stringify(state)))
      const session = { ...noObjects, library }
      return sets ? { ...session, sets: { list: async () => setsOf(state), open: never, write: never } } : session
    },
  })

export const plugin = { kind: 'target', id: 'fake-library', options, create }

const never = async (): Promise<never> => {
  throw new BackupError('E_TARGET_IO', 'Nobody reads or writes objects to handle media.')
}

const noObjects: TargetSession = {
  put: never,
  get: () => {
    throw new BackupError('E_TARGET_IO', 'Nobody reads objects to handle media.')
  },
  stat: never,
  list: () => {
    throw new BackupError('E_TARGET_IO', 'Nobody lists objects to handle media.')
  },
  remove: never,
  [Symbol.asyncDispose]: async () => undefined,
}

function fakeLibrary(state: FakeLibrary, save: () => void): LibraryFacet {
  const places = () => placesOf(state)
  const cellAt = ({ kind, number }: LibraryPlaceName): FakePlace => {
    const cell = state.places.filter((place) => place.kind === kind)[number]
    if (cell === undefined) throw new BackupError('E_TARGET_IO', `There is no ${kind} ${number}.`)
    return cell
  }
  const find = (name: string): LibraryPlaceName => {
    const place = places().find(({ medium }) => medium === name)
    if (place !== undefined) return place
    throw new BackupError('E_MEDIA_NEEDED', `${name} is not in the library.`, { hint: 'Put it in.' })
  }
  const free = (kind: LibraryPlace['kind']): LibraryPlaceName => {
    const place = places().find((each) => each.kind === kind && !each.isFull)
    if (place !== undefined) return place
    throw new BackupError('E_TARGET_FULL', `No ${kind} is free.`, { hint: 'Take something out.' })
  }
  const carry = (from: LibraryPlaceName, to: LibraryPlaceName) => {
    cellAt(to).medium = cellAt(from).medium
    cellAt(from).medium = null
    save()
  }
  const mediumOf = (name: string): FakeMedium => state.media[name] ?? { state: 'unknown' }
  const write = (name: string, evenIfHeld: boolean, now: FakeMedium) => {
    if (state.busy === true) throw new BackupError('E_REPOSITORY_BUSY', 'Another process uses the drive.')
    find(name)
    const { state: known, found = known } = mediumOf(name)
    if (!evenIfHeld && found === 'foreign') throw new BackupError('E_MEDIA_FOREIGN', `${name} holds a tar archive.`)
    if (!evenIfHeld && found === 'held') throw new BackupError('E_TARGET_IMMUTABLE', `${name} is held.`)
    state.media[name] = now
    save()
  }
  return {
    places: async () => places(),
    drives: async () =>
      state.drives.map(({ name, alerts }, number): LibraryDrive => {
        const { medium } = places().find((place) => place.kind === 'drive' && place.number === number) ?? {}
        return { number, name, alerts, medium }
      }),
    media: async () => Object.keys(state.media).map((name) => describe(state, name)),
    label: async (name, { evenIfHeld = false }) => write(name, evenIfHeld, { state: 'usable', pool: 'scratch' }),
    erase: async (name, { evenIfHeld = false }) => write(name, evenIfHeld, { state: 'blank' }),
    load: async (name, { drive }) => {
      const to = drive === undefined ? free('drive') : { kind: 'drive' as const, number: drive }
      carry(find(name), to)
      return to.number
    },
    unload: async (number) => carry({ kind: 'drive', number }, free('slot')),
    move: async (what, to) => carry(typeof what === 'string' ? find(what) : what, to),
    vault: async (name, location) => {
      const medium = state.media[name]
      if (medium === undefined) throw new BackupError('E_MEDIA_NEEDED', `Nobody knows ${name}.`)
      const from = places().find((place) => place.medium === name)
      const to = from === undefined ? undefined : free('mail')
      if (from !== undefined && to !== undefined) carry(from, to)
      state.media[name] = { ...medium, location }
      save()
      return to
    },
    recall: async (name) => {
      const { location: _gone, ...medium } = mediumOf(name)
      if (state.media[name] === undefined) throw new BackupError('E_MEDIA_NEEDED', `Nobody knows ${name}.`)
      state.media[name] = medium
      const from = places().find((place) => place.medium === name)
      if (from?.kind === 'mail') carry(from, free('slot'))
      save()
    },
    rebuild: async (names, { onMedium, onFailure }) => {
      const all = places().flatMap(({ medium }) => (medium === undefined ? [] : [medium]))
      const wanted = names.length > 0 ? names : all.filter((name) => mediumOf(name).state !== 'cleaning')
      for (const name of wanted) {
        const { found, ...medium } = mediumOf(name)
        if (found === 'damaged' || !all.includes(name)) {
          const error =
            found === 'damaged'
              ? new BackupError('E_TARGET_IO', `${name} cannot be read.`, { hint: 'Clean the drive.' })
              : new BackupError('E_MEDIA_NEEDED', `${name} is not in the library.`)
          if (onFailure === undefined) throw error
          onFailure(name, error)
          continue
        }
        state.media[name] = { ...medium, state: found ?? medium.state }
        save()
        onMedium?.(describe(state, name))
      }
    },
  }
}

function placesOf({ places }: FakeLibrary): readonly LibraryPlace[] {
  const counts = { slot: 0, mail: 0, drive: 0 }
  return places.map(({ kind, medium, problem }) => ({
    kind,
    number: counts[kind]++,
    medium: medium === null || medium === 'nameless' ? undefined : medium,
    isFull: medium !== null,
    problem,
  }))
}

function describe(state: FakeLibrary, name: string): LibraryMedium {
  const {
    state: known,
    pool,
    set,
    sequence,
    keepUntil,
    usedBytes,
    location,
    problem,
  } = state.media[name] ?? {
    state: 'unknown',
  }
  const place = placesOf(state).find(({ medium }) => medium === name)
  return {
    name,
    isOnline: place !== undefined,
    location,
    place,
    pool,
    set,
    sequence,
    keepUntil: keepUntil === undefined ? undefined : new Date(keepUntil),
    usedBytes,
    state: known,
    problem,
  }
}

function setsOf(state: FakeLibrary): readonly MediaSet[] {
  return (state.sets ?? []).map(({ id, createdAt, keepUntil, media }) => ({
    id,
    createdAt: new Date(createdAt),
    keepUntil: keepUntil === undefined ? undefined : new Date(keepUntil),
    media: media.map((name) => describe(state, name)),
  }))
}
