import type { CallOptions } from '@holdfast/core'
import { tapeError } from '../drive/drive-errors.js'
import type { LoadedMedium, TapeDrive } from '../drive/tape-drive.js'
import type { Changer, LibraryPlace } from './scsi-changer.js'

/** A cartridge in a drive that is nobody else's until this is disposed; it stays in the drive for whoever wants it next. */
export interface MountedCartridge extends AsyncDisposable {
  readonly barcode: string
  readonly drive: TapeDrive
  readonly medium: LoadedMedium
}

/** One changer and its drives. Calls may come at the same time. */
export interface TapeLibrary {
  readonly places: (options: CallOptions) => Promise<readonly LibraryPlace[]>
  /**
   * Puts a cartridge into a drive: the one that has it, an empty one, or the one that was left alone for longest.
   *
   * Waits while all drives are in use, or another has the cartridge.
   * @throws BackupError `E_MEDIA_NEEDED` when the library does not have it, `E_TARGET_*`
   */
  readonly mount: (barcode: string, options: CallOptions) => Promise<MountedCartridge>
  /** Puts the cartridge of a drive back, where one is in it and nobody uses it. */
  readonly putBack: (drive: number, options: CallOptions) => Promise<void>
}

interface DriveState {
  readonly number: number
  readonly drive: TapeDrive
  /** In the drive and loaded, as far as is known. */
  loaded: { readonly barcode: string; readonly medium: LoadedMedium } | undefined
  isTaken: boolean
  leftAt: number
}

/** Makes a library of a changer and its drives, in the order in which the changer counts them. */
export function tapeLibrary(changer: Changer, drives: readonly TapeDrive[]): TapeLibrary {
  const states = drives.map(
    (drive, number): DriveState => ({ number, drive, loaded: undefined, isTaken: false, leftAt: 0 }),
  )
  let turns = 0
  /** Arms carry one cartridge at a time, and who looks at the places must not be carried past. */
  let carrying: Promise<unknown> = Promise.resolve()
  const inTurn = <T>(action: () => Promise<T>): Promise<T> => {
    const done = carrying.then(action)
    carrying = done.catch(() => undefined)
    return done
  }
  let freed = Promise.withResolvers<void>()
  const free = (state: DriveState) => {
    state.isTaken = false
    state.leftAt = ++turns
    freed.resolve()
    freed = Promise.withResolvers()
  }

  const putAway = async (state: DriveState, places: readonly LibraryPlace[], options: CallOptions): Promise<void> => {
    const place = driveOf(places, state.number)
    if (!place.isFull) return
    const home = places.find(({ kind, address, isFull }) => kind === 'slot' && address === place.cameFrom && !isFull)
    const slot = home ?? places.find(({ kind, isFull, problem }) => kind === 'slot' && !isFull && problem === undefined)
    if (slot === undefined) {
      throw tapeError('E_TARGET_FULL', `${changer.name} has no free slot for the cartridge of ${state.drive.name}.`, {
        operation: 'target.mount',
        hint: 'Take a cartridge out of the library.',
      })
    }
    state.loaded = undefined
    await state.drive.unload(options)
    await changer.move(place.address, slot.address, options)
  }

  const driveOf = (places: readonly LibraryPlace[], number: number): LibraryPlace => {
    const place = places.find((each) => each.kind === 'drive' && each.number === number)
    if (place !== undefined) return place
    throw tapeError('E_TARGET_UNAVAILABLE', `${changer.name} has no drive ${number}.`, {
      operation: 'target.mount',
      hint: 'Name the drives in the order in which the library counts them, and no others.',
    })
  }

  /** The drive to use, put in order for the cartridge; undefined when it must be waited for. */
  const prepare = async (barcode: string, options: CallOptions): Promise<DriveState | undefined> => {
    const places = await changer.places(options)
    const found = places.find((place) => place.barcode === barcode)
    if (found === undefined) throw notThere(changer.name, barcode)
    const holder = found.kind === 'drive' ? states[found.number] : undefined
    if (holder?.isTaken === true) return undefined
    const isEmpty = ({ number }: DriveState) => !driveOf(places, number).isFull
    const idle = states.filter(({ isTaken }) => !isTaken).sort((a, b) => a.leftAt - b.leftAt)
    const chosen = holder ?? idle.find(isEmpty) ?? idle[0]
    if (chosen === undefined) return undefined
    chosen.isTaken = true
    try {
      if (chosen === holder) {
        // Somebody else may have changed it meanwhile.
        if (chosen.loaded?.barcode !== barcode) chosen.loaded = undefined
      } else {
        await putAway(chosen, places, options)
        chosen.loaded = undefined
        await changer.move(found.address, driveOf(places, chosen.number).address, options)
      }
      return chosen
    } catch (error) {
      free(chosen)
      throw error
    }
  }

  return {
    places: (options) => inTurn(() => changer.places(options)),
    mount: async (barcode, options) => {
      for (;;) {
        const waiting = freed.promise
        const state = await inTurn(() => prepare(barcode, options))
        if (state === undefined) {
          await orAborted(waiting, options.signal)
          continue
        }
        try {
          const medium = state.loaded?.medium ?? (await state.drive.load(options))
          state.loaded = { barcode, medium }
          let isLeft = false
          const leave = async () => {
            if (!isLeft) free(state)
            isLeft = true
          }
          return { barcode, drive: state.drive, medium, [Symbol.asyncDispose]: leave }
        } catch (error) {
          state.loaded = undefined
          free(state)
          throw error
        }
      }
    },
    putBack: (number, options) =>
      inTurn(async () => {
        const state = states[number]
        if (state === undefined || state.isTaken) return
        await putAway(state, await changer.places(options), options)
      }),
  }
}

function notThere(library: string, barcode: string): Error {
  return tapeError('E_MEDIA_NEEDED', `Cartridge ${barcode} is not in ${library}.`, {
    operation: 'target.mount',
    context: { barcode },
    retry: 'transient',
    hint: 'Put it in, and run again.',
  })
}

async function orAborted(waiting: Promise<void>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  const aborted = Promise.withResolvers<never>()
  const onAbort = () => aborted.reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    await Promise.race([waiting, aborted.promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
