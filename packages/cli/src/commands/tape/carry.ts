import type { LibraryPlaceName } from '@holdfast/core'
import type { Invocation, Outcome } from '../../invocation.js'
import { withLibrary } from '../../library-access.js'
import { usageError } from '../../output.js'
import { parsePlace, placeAmong, placeName } from '../../place-name.js'
import { namedMedia, type TapeOptions, tellHandled } from './each-medium.js'

/** Which drive to load. */
export interface LoadOptions extends TapeOptions {
  readonly drive?: number
}

/** Puts a medium into a drive. */
export async function load(
  invocation: Invocation,
  given: string,
  { target: wanted, drive }: LoadOptions,
): Promise<Outcome> {
  const { signal } = invocation
  const [medium = given] = namedMedia([given])
  return withLibrary(invocation, wanted, async ({ target, library }) => {
    if (drive !== undefined) placeAmong(await library.places({ signal }), { kind: 'drive', number: drive })
    const number = await library.load(medium, { signal, ...(drive !== undefined && { drive }) })
    const place = placeName({ kind: 'drive', number })
    const outcome = tellHandled(invocation, 'loaded', { medium, place }, `in ${place}`)
    return { exitCode: 0, result: { target, media: [outcome] } }
  })
}

/** Puts the medium of a drive back; one that is empty stays so. */
export function unload(invocation: Invocation, number: number, { target: wanted }: TapeOptions): Promise<Outcome> {
  const { output, signal } = invocation
  return withLibrary(invocation, wanted, async ({ target, library }) => {
    const drive = placeAmong(await library.places({ signal }), { kind: 'drive', number })
    if (!drive.isFull) {
      output.line(`${placeName(drive)} is empty.`)
      return { exitCode: 0, result: { target, media: [] } }
    }
    await library.unload(number, { signal })
    const { medium } = drive
    const after =
      medium === undefined ? undefined : (await library.places({ signal })).find((one) => one.medium === medium)
    const place = after === undefined ? undefined : placeName(after)
    const where = place === undefined ? '' : `, in ${place} now`
    const outcome = tellHandled(invocation, 'unloaded', { medium, place }, `out of ${placeName(drive)}${where}`)
    return { exitCode: 0, result: { target, media: [outcome] } }
  })
}

/** Carries a medium to another place. What lies in a place can be named by it: not every medium has a name that can be read. */
export async function move(
  invocation: Invocation,
  given: string,
  to: LibraryPlaceName,
  { target: wanted }: TapeOptions,
): Promise<Outcome> {
  const { signal } = invocation
  const from = parsePlace(given)
  const [name = given] = from === undefined ? namedMedia([given]) : []
  return withLibrary(invocation, wanted, async ({ target, library }) => {
    const places = await library.places({ signal })
    const source = from === undefined ? undefined : placeAmong(places, from)
    if (source?.isFull === false) throw usageError(`${placeName(source)} is empty.`, hint)
    const destination = placeAmong(places, to)
    const place = placeName(destination)
    if (destination.isFull) throw usageError(`${place} is taken by ${destination.medium ?? 'a medium'}.`, hint)
    await library.move(from ?? name, to, { signal })
    const medium = source === undefined ? name : source.medium
    const outcome = tellHandled(invocation, 'moved', { medium, place }, `in ${place}`)
    return { exitCode: 0, result: { target, media: [outcome] } }
  })
}

const hint = "See 'holdfast tape inventory' for what is where."
