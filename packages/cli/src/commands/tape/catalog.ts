import { BackupError, type LibraryMedium, type MediaSet } from '@holdfast/core'
import { type ExitCode, exitCodeOf, joinedExitCode } from '../../exit-code.js'
import type { Invocation, Outcome } from '../../invocation.js'
import { type OpenLibrary, withLibrary } from '../../library-access.js'
import { errorDocument } from '../../render/errors.js'
import { belongsWord, keptWord, listedMedium } from '../../render/library.js'
import { printable } from '../../render/printable.js'
import { renderTable } from '../../render/table.js'
import { formatTime } from '../../render/units.js'
import { namedMedia, type TapeOptions } from './each-medium.js'

/** What to do with the catalog. */
export interface CatalogOptions extends TapeOptions {
  /** Read it anew from these cartridges, or from all. */
  readonly rebuild?: true | readonly string[]
}

/** Lists the sets of media, or makes the catalog of them anew. */
export async function catalog(invocation: Invocation, { target, rebuild }: CatalogOptions): Promise<Outcome> {
  const names = rebuild === undefined || rebuild === true ? [] : namedMedia(rebuild)
  return withLibrary(invocation, target, (opened) =>
    rebuild === undefined ? listSets(invocation, opened) : readAnew(invocation, opened, names),
  )
}

async function listSets({ output, signal }: Invocation, { target, sets }: OpenLibrary): Promise<Outcome> {
  if (sets === undefined) {
    throw new BackupError('E_UNSUPPORTED', `Target '${target}' keeps no sets of media.`, {
      context: { target },
      hint: "It takes a target with the capability 'sets': see 'holdfast plugins'.",
    })
  }
  const listed = await sets.list({ signal })
  output.document({ target, sets: listed.map(listedSet) })
  if (listed.length === 0) output.line('No sets.')
  else {
    const columns = [{ heading: 'set' }, { heading: 'made' }, { heading: 'keep until' }, { heading: 'media' }]
    const rows = listed.map(({ id, createdAt, keepUntil, media }) => [
      id,
      formatTime(createdAt.toISOString()),
      keptWord(keepUntil),
      media.map(mediumWord).join(', '),
    ])
    for (const line of renderTable(columns, rows, output.colors.bold)) output.line(line)
  }
  return { exitCode: 0 }
}

function mediumWord({ name, isOnline, location }: MediaSet['media'][number]): string {
  if (isOnline) return name
  return location === undefined ? `${name} (away)` : `${name} (away: ${location})`
}

function listedSet({ id, createdAt, keepUntil, media }: MediaSet): object {
  return {
    id,
    createdAt: createdAt.toISOString(),
    ...(keepUntil !== undefined && { keepUntil: keepUntil.toISOString() }),
    media: media.map(({ name, isOnline, location }) => ({
      medium: name,
      online: isOnline,
      ...(location !== undefined && { location }),
    })),
  }
}

async function readAnew(
  { output, signal }: Invocation,
  { target, library }: OpenLibrary,
  names: readonly string[],
): Promise<Outcome> {
  const total = names.length > 0 ? names.length : (await library.media({ signal })).filter(isReadable).length
  const media: object[] = []
  const codes: ExitCode[] = []
  await library.rebuild(names, {
    signal,
    onMedium: (medium) => {
      const { medium: name, state, pool, set, sequence } = listedMedium(medium)
      media.push(listedMedium(medium))
      codes.push(0)
      output.event({
        type: 'medium-read',
        medium: name,
        state,
        ...(pool !== undefined && { pool }),
        ...(set !== undefined && { set }),
        ...(sequence !== undefined && { sequence }),
        read: media.length,
        total,
      })
      const belongs = belongsWord(medium)
      const what = belongs === '' ? state : `${state}, ${belongs}`
      output.line(printable(`${name} (${media.length} of ${total}): ${what}`))
    },
    onFailure: (medium, error) => {
      media.push({ medium, error: errorDocument(error) })
      codes.push(exitCodeOf(error))
      output.error(error)
    },
  })
  if (media.length === 0) output.line('No cartridges to read.')
  return { exitCode: joinedExitCode(codes), result: { target, media } }
}

function isReadable({ place, state }: LibraryMedium): boolean {
  return place !== undefined && state !== 'cleaning'
}
