import { setTimeout as delay } from 'node:timers/promises'
import type { CallOptions } from '@holdfast/core'
import { tapeError } from '../drive/drive-errors.js'
import type { LoadedMedium, TapeDrive } from '../drive/tape-drive.js'
import type { Claims } from './claims.js'
import type { Changer, ChangerPlace } from './scsi-changer.js'

/** A cartridge in a drive that is nobody else's until this is disposed; it stays in the drive for whoever wants it next. */
export interface MountedCartridge extends AsyncDisposable {
  readonly barcode: string
  readonly drive: TapeDrive
  /** Place of the drive among the drives, from 0. */
  readonly driveNumber: number
  readonly medium: LoadedMedium
}

/** How to put a cartridge into a drive. */
export interface MountOptions extends CallOptions {
  /** Into this one. @defaultValue the one that has it, an empty one, or the one that was left alone for longest */
  readonly drive?: number | undefined
}

/** One changer and its drives. Calls may come at the same time. */
export interface TapeLibrary {
  readonly name: string
  readonly drives: readonly TapeDrive[]
  readonly places: (options: CallOptions) => Promise<readonly ChangerPlace[]>
  /**
   * Puts a cartridge into a drive, and goes to its beginning.
   *
   * Waits while all drives are in use, or another has the cartridge.
   * @throws BackupError `E_MEDIA_NEEDED` when the library does not have it, `E_REPOSITORY_BUSY` when no drive was free for too long, `E_TARGET_*`
   */
  readonly mount: (barcode: string, options: MountOptions) => Promise<MountedCartridge>
  /** Puts the cartridge of a drive back, where one is in it. @throws BackupError `E_REPOSITORY_BUSY` when it is in use */
  readonly putBack: (drive: number, options: CallOptions) => Promise<void>
  /** Carries a cartridge, or what lies at an address, to another; from a drive it is unloaded first. @throws BackupError `E_REPOSITORY_BUSY`, `E_MEDIA_NEEDED` */
  readonly carry: (what: string | number, to: number, options: CallOptions) => Promise<void>
  /** How often cartridges were put into drives. */
  readonly mounts: () => number
}

/** How a library is shared. */
export interface SharingOptions {
  readonly claims: Claims
  /** Longest that anybody waits for a drive. */
  readonly patienceMs: number
}

interface DriveState {
  readonly number: number
  readonly drive: TapeDrive
  claim: Disposable | undefined
  leftAt: number
}

/** Other processes do not tell when they are done. */
const pollMs = 500

/** Makes a library of a changer and its drives, in the order in which the changer counts them. */
export function tapeLibrary(
  changer: Changer,
  drives: readonly TapeDrive[],
  { claims, patienceMs }: SharingOptions,
): TapeLibrary {
  const states = drives.map((drive, number): DriveState => ({ number, drive, claim: undefined, leftAt: 0 }))
  let turns = 0
  let mounts = 0
  /** Arms carry one cartridge at a time, and who looks at the places must not be carried past. */
  let carrying: Promise<unknown> = Promise.resolve()
  const inTurn = <T>(options: CallOptions, action: () => Promise<T>): Promise<T> => {
    const done = carrying.then(async () => {
      using _arm = await untilGiven(async () => claims.take('changer'), `${changer.name} is used`, options)
      return await action()
    })
    carrying = done.catch(() => undefined)
    return done
  }
  let freed = Promise.withResolvers<void>()
  const claim = (state: DriveState): boolean => {
    if (state.claim !== undefined) return false
    state.claim = claims.take(`drive-${state.number}`)
    return state.claim !== undefined
  }
  const free = (state: DriveState) => {
    state.claim?.[Symbol.dispose]()
    state.claim = undefined
    state.leftAt = ++turns
    freed.resolve()
    freed = Promise.withResolvers()
  }

  async function untilGiven<T>(ask: () => Promise<T | undefined>, what: string, { signal }: CallOptions): Promise<T> {
    const endsAt = performance.now() + patienceMs
    for (;;) {
      const waiting = freed.promise
      signal.throwIfAborted()
      const given = await ask()
      if (given !== undefined) return given
      if (performance.now() >= endsAt) throw busy(what)
      const polling = delay(pollMs, undefined, { signal }).catch(() => signal.throwIfAborted())
      await Promise.race([waiting, polling])
    }
  }

  const placeOf = (places: readonly ChangerPlace[], number: number): ChangerPlace => {
    const place = places.find((each) => each.kind === 'drive' && each.number === number)
    if (place !== undefined) return place
    throw tapeError('E_TARGET_UNAVAILABLE', `${changer.name} has no drive ${number}.`, {
      operation: 'target.mount',
      hint: 'Name the drives in the order in which the library counts them, and no others.',
    })
  }

  const putAway = async (state: DriveState, places: readonly ChangerPlace[], options: CallOptions): Promise<void> => {
    const place = placeOf(places, state.number)
    if (!place.isFull) return
    const home = places.find(({ kind, address, isFull }) => kind === 'slot' && address === place.cameFrom && !isFull)
    const slot = home ?? places.find(({ kind, isFull, problem }) => kind === 'slot' && !isFull && problem === undefined)
    if (slot === undefined) {
      throw tapeError('E_TARGET_FULL', `${changer.name} has no free slot for the cartridge of ${state.drive.name}.`, {
        operation: 'target.mount',
        hint: 'Take a cartridge out of the library.',
      })
    }
    await state.drive.unload(options)
    await changer.move(place.address, slot.address, options)
  }

  /** The drive with the cartridge in it; undefined when it must be waited for. */
  const prepare = async (barcode: string, options: MountOptions): Promise<DriveState | undefined> => {
    const places = await changer.places(options)
    const found = placeOfMedium(places, barcode)
    const holder = found.kind === 'drive' ? states[found.number] : undefined
    const isEmpty = ({ number }: DriveState) => !placeOf(places, number).isFull
    const wanted = states.filter(({ number }) => options.drive === undefined || number === options.drive)
    const idle = wanted.filter((state) => state.claim === undefined).sort((a, b) => a.leftAt - b.leftAt)
    const inOrder = [...idle.filter(isEmpty), ...idle.filter((state) => !isEmpty(state))]
    // Whoever has the cartridge must let go of it first.
    if (holder !== undefined && !claim(holder)) return undefined
    const isInPlace = holder !== undefined && wanted.includes(holder)
    const chosen = isInPlace ? holder : inOrder.find((state) => state !== holder && claim(state))
    if (holder !== undefined && holder !== chosen) free(holder)
    if (chosen === undefined || isInPlace) return chosen
    try {
      await putAway(chosen, places, options)
      if (holder !== undefined) await holder.drive.unload(options)
      await changer.move(found.address, placeOf(places, chosen.number).address, options)
      mounts += 1
      return chosen
    } catch (error) {
      free(chosen)
      throw error
    }
  }

  const placeOfMedium = (places: readonly ChangerPlace[], barcode: string): ChangerPlace => {
    const found = places.find((place) => place.barcode === barcode)
    if (found === undefined) throw notThere(changer.name, barcode)
    return found
  }

  /** Does something with what is in a drive, where a drive is concerned at all. */
  const withDrive = async (number: number | undefined, work: (state?: DriveState) => Promise<void>): Promise<void> => {
    const state = number === undefined ? undefined : states[number]
    if (state === undefined) return await work()
    if (!claim(state)) throw busy(`${state.drive.name} is used`)
    try {
      await work(state)
    } finally {
      free(state)
    }
  }

  return {
    name: changer.name,
    drives,
    mounts: () => mounts,
    places: (options) => inTurn(options, () => changer.places(options)),
    mount: async (barcode, options) => {
      const ask = () => inTurn(options, () => prepare(barcode, options))
      const state = await untilGiven(ask, 'No drive is free, or the one with the cartridge is used', options)
      let isLeft = false
      const leave = async () => {
        if (isLeft) return
        isLeft = true
        await state.drive.release()
        free(state)
      }
      try {
        const medium = await state.drive.load(options)
        return { barcode, drive: state.drive, driveNumber: state.number, medium, [Symbol.asyncDispose]: leave }
      } catch (error) {
        await leave()
        throw error
      }
    },
    putBack: (number, options) =>
      inTurn(options, () =>
        withDrive(number, async (state) => {
          if (state !== undefined) await putAway(state, await changer.places(options), options)
        }),
      ),
    carry: (what, to, options) =>
      inTurn(options, async () => {
        const places = await changer.places(options)
        const from =
          typeof what === 'string' ? placeOfMedium(places, what) : places.find((each) => each.address === what)
        if (from?.isFull !== true) throw notThere(changer.name, `at ${what}`)
        const into = places.find(({ kind, address }) => kind === 'drive' && address === to)
        await withDrive(into?.number, () =>
          withDrive(from.kind === 'drive' ? from.number : undefined, async (state) => {
            await state?.drive.unload(options)
            await changer.move(from.address, to, options)
          }),
        )
      }),
  }
}

function notThere(library: string, barcode: string): Error {
  return tapeError('E_MEDIA_NEEDED', `Cartridge ${barcode} is not in ${library}.`, {
    operation: 'target.mount',
    context: { barcode },
    hint: 'Put it in, and run again.',
  })
}

function busy(what: string): Error {
  return tapeError('E_REPOSITORY_BUSY', `${what} by somebody else.`, {
    operation: 'target.mount',
    hint: 'Wait until the other run has ended, or stop it.',
  })
}
