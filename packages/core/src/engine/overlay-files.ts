import { type FileHandle, mkdir, open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { BackupError, isBackupError } from '../contract/errors.js'
import { type OverlayJournal, readJournal, type StateChange, writeAll, writeJournal } from './overlay-journal.js'

/** The files of one overlay. */
export interface OverlayFiles extends AsyncDisposable {
  readonly isKept: boolean
  readonly read: (into: Uint8Array, at: number) => Promise<void>
  readonly write: (bytes: Uint8Array, at: number) => Promise<void>
  /** Resolves when all that was written and these changes are on stable storage; does nothing when they are not kept. */
  readonly save: (changes: readonly StateChange[]) => Promise<void>
}

/** The files themselves. */
interface OpenFiles extends AsyncDisposable {
  /** As long as the disk, with holes. */
  readonly data: FileHandle
  /** Undefined when nothing is to be kept. */
  readonly journal: OverlayJournal | undefined
}

/** Where an overlay is, and what for. */
export interface OverlayPlace {
  readonly folder: string
  /** Starts the names of its files. */
  readonly name: string
  readonly sizeBytes: number
  /** Says what the overlay lies over, when it is to be kept; it fits nothing else. */
  readonly keptFor: string | undefined
  /** Told the changes of an overlay that was kept. */
  readonly onKept: (change: StateChange) => void
  /** The changes that make up what there is, after `onKept` was told all. */
  readonly changes: () => Iterable<StateChange>
}

/** Opens the files of an overlay; one that is not kept is gone with the process, whatever becomes of that. */
export async function openOverlayFiles(place: OverlayPlace): Promise<OverlayFiles> {
  const { folder, keptFor } = place
  const files = await inPlace(folder, async () => {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const path = join(folder, place.name)
    return keptFor === undefined ? await openThrownAway(path, place) : await openKept(path, keptFor, place)
  })
  const { data, journal } = files
  return {
    isKept: journal !== undefined,
    read: (into, at) => inPlace(folder, () => readAll(data, into, at)),
    write: (bytes, at) => inPlace(folder, () => writeAll(data, bytes, at)),
    save: async (changes) => {
      if (journal === undefined) return
      await inPlace(folder, async () => {
        // The data first: the journal never names a block that is not there.
        await data.datasync()
        if (changes.length > 0) await journal.append(changes)
      })
    },
    [Symbol.asyncDispose]: () => files[Symbol.asyncDispose](),
  }
}

async function readAll(data: FileHandle, into: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < into.byteLength; ) {
    const { bytesRead } = await data.read(into, done, into.byteLength - done, at + done)
    if (bytesRead === 0) throw new RangeError('The file of the overlay was cut short.')
    done += bytesRead
  }
}

/** Tells what a failed call in an overlay's folder means. */
async function inPlace<T>(folder: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action()
  } catch (error) {
    if (isBackupError(error)) throw error
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    const isFull = code === 'ENOSPC' || code === 'EDQUOT'
    throw new BackupError(
      'E_PLACEMENT',
      isFull
        ? `There is no room left in ${folder} for what is written to the disk.`
        : `The overlay in ${folder} failed.`,
      {
        operation: 'overlay',
        context: { folder, ...(code !== '' && { system: code }) },
        hint: isFull ? 'Make room there, or have the overlay elsewhere.' : 'Have the overlay elsewhere.',
        cause: error,
      },
    )
  }
}

async function openThrownAway(path: string, { sizeBytes }: OverlayPlace): Promise<OpenFiles> {
  const data = await open(`${path}.data`, 'wx+', 0o600)
  // Where an open file cannot be removed, it is removed in the end.
  const isGone = await rm(`${path}.data`).then(
    () => true,
    () => false,
  )
  try {
    await data.truncate(sizeBytes)
  } catch (error) {
    await data.close()
    throw error
  }
  return {
    data,
    journal: undefined,
    [Symbol.asyncDispose]: async () => {
      await data.close()
      if (!isGone) await rm(`${path}.data`, { force: true })
    },
  }
}

async function openKept(path: string, origin: string, place: OverlayPlace): Promise<OpenFiles> {
  await claim(`${path}.in-use`)
  let data: FileHandle | undefined
  try {
    const isThere = await readJournal(`${path}.journal`, origin, place.onKept)
    data = await open(`${path}.data`, isThere ? 'r+' : 'w+', 0o600)
    await data.truncate(place.sizeBytes)
    const journal = await writeJournal(`${path}.journal`, origin, place.changes())
    const file = data
    return {
      data,
      journal,
      [Symbol.asyncDispose]: async () => {
        await journal.close()
        await file.close()
        await rm(`${path}.in-use`, { force: true })
      },
    }
  } catch (error) {
    await data?.close()
    await rm(`${path}.in-use`, { force: true })
    throw error
  }
}

/** Keeps others away for as long as this process lives: two would not see each other's writes. */
async function claim(path: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await using file = await open(path, 'wx', 0o600)
      await file.writeFile(String(process.pid))
      return
    } catch (error) {
      const isTaken = error instanceof Error && 'code' in error && error.code === 'EEXIST'
      if (!isTaken || attempt > 2) throw error
    }
    const pid = Number(await readFile(path, 'utf8').catch(() => ''))
    if (isAlive(pid)) {
      throw new BackupError(
        'E_PLACEMENT',
        `The overlay ${path.replace(/\.in-use$/, '')} is in use by process ${pid}.`,
        {
          hint: `End that process first, or choose another folder. When it is none of ours, remove ${path}.`,
        },
      )
    }
    await rm(path, { force: true })
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
