import type { Invocation, Outcome } from '../../invocation.js'
import { withLibrary } from '../../library-access.js'
import { usageError } from '../../output.js'
import { placeName } from '../../place-name.js'
import { printable } from '../../render/printable.js'
import { eachMedium, namedMedia, type TapeOptions, tellHandled } from './each-medium.js'

/** Where media will be kept. */
export interface VaultOptions extends TapeOptions {
  readonly to: string
}

/** Puts media where they can be taken out, and notes where they are kept from now on. */
export async function vault(
  invocation: Invocation,
  given: readonly string[],
  { target: wanted, to }: VaultOptions,
): Promise<Outcome> {
  const { output, signal } = invocation
  const names = namedMedia(given)
  const location = to.trim()
  if (location === '') throw usageError('Say where the media will be kept.', "Give --to a name: 'safe, shelf 2'.")
  return withLibrary(invocation, wanted, async ({ target, library }) => {
    const { exitCode, media } = await eachMedium(invocation, names, async (medium) => {
      const found = await library.vault(medium, location, { signal })
      const place = found === undefined ? undefined : placeName(found)
      const where = place === undefined ? 'out of the library already' : `in ${place}`
      return { ...tellHandled(invocation, 'vaulted', { medium, place }, `${where}, kept in '${location}'`), location }
    })
    const ready = media.flatMap(({ medium, place }) => (place === undefined ? [] : [`${medium} (${place})`]))
    const left = media.flatMap(({ medium, error }) => (error === undefined ? [] : [medium]))
    if (ready.length > 0) output.line(printable(`Take out: ${ready.join(', ')}`))
    if (left.length > 0) output.line(printable(`Still to do: ${left.join(', ')}`))
    return { exitCode, result: { target, media } }
  })
}

/** Takes media in again that were away. */
export async function recall(
  invocation: Invocation,
  given: readonly string[],
  { target: wanted }: TapeOptions,
): Promise<Outcome> {
  const { signal } = invocation
  const names = namedMedia(given)
  return withLibrary(invocation, wanted, async ({ target, library }) => {
    const { exitCode, media } = await eachMedium(invocation, names, async (medium) => {
      await library.recall(medium, { signal })
      const found = (await library.media({ signal })).find(({ name }) => name === medium)?.place
      const place = found === undefined ? undefined : placeName(found)
      const where = place === undefined ? 'no longer noted as away; put it into the library' : `in ${place}`
      return tellHandled(invocation, 'recalled', { medium, place }, where)
    })
    return { exitCode, result: { target, media } }
  })
}
