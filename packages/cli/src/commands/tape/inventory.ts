import type { LibraryMedium, LibraryPlace } from '@holdfast/core'
import type { Invocation, Outcome } from '../../invocation.js'
import { withLibrary } from '../../library-access.js'
import { placeName } from '../../place-name.js'
import { listedMedium, mediumKeptWord, setWord } from '../../render/library.js'
import { type Column, renderTable } from '../../render/table.js'
import { counted, formatBytes } from '../../render/units.js'
import type { TapeOptions } from './each-medium.js'

/** Shows every place of a library with what is in it, and the media that are away. */
export function inventory(invocation: Invocation, { target: wanted }: TapeOptions): Promise<Outcome> {
  const { output, signal } = invocation
  return withLibrary(invocation, wanted, async ({ target, library }) => {
    const places = [...(await library.places({ signal }))].sort(byPlace)
    const media = await library.media({ signal })
    const away = media.filter(({ place }) => place === undefined)
    output.document({ target, places: places.map(listedPlace), media: media.map(listedMedium) })
    for (const line of placeTable(places, media, output.colors.bold)) output.line(line)
    if (away.length > 0) {
      output.line('')
      for (const line of awayTable(away, output.colors.bold)) output.line(line)
    }
    output.line('')
    output.line(summary(places, media))
    return { exitCode: 0 }
  })
}

const kinds = [
  ['slot', 'slot'],
  ['mail', 'mail slot'],
  ['drive', 'drive'],
] as const satisfies readonly (readonly [LibraryPlace['kind'], string])[]

const states = [
  'held',
  'usable',
  'blank',
  'unknown',
  'foreign',
  'cleaning',
] as const satisfies readonly LibraryMedium['state'][]

function byPlace(a: LibraryPlace, b: LibraryPlace): number {
  const order = kinds.map(([kind]) => kind)
  return order.indexOf(a.kind) - order.indexOf(b.kind) || a.number - b.number
}

function listedPlace(place: LibraryPlace): object {
  const { kind, number, isFull, medium, problem } = place
  return {
    place: placeName(place),
    kind,
    number,
    full: isFull,
    ...(medium !== undefined && { medium }),
    ...(problem !== undefined && { problem }),
  }
}

/** What both tables say of a medium, after where it is. */
const factColumns: readonly Column[] = [
  { heading: 'state' },
  { heading: 'pool' },
  { heading: 'set' },
  { heading: 'keep until' },
  { heading: 'used', align: 'right' },
]

function factsOf(medium: LibraryMedium | undefined): readonly string[] {
  if (medium === undefined) return factColumns.map(() => '')
  const { state, pool = '', usedBytes } = medium
  const used = usedBytes === undefined ? '' : formatBytes(usedBytes)
  return [state, pool, setWord(medium), mediumKeptWord(medium), used]
}

function placeTable(
  places: readonly LibraryPlace[],
  media: readonly LibraryMedium[],
  emphasise: (heading: string) => string,
): readonly string[] {
  const byName = new Map(media.map((medium) => [medium.name, medium]))
  const rows = places.map((place) => {
    const medium = place.medium === undefined ? undefined : byName.get(place.medium)
    const problems = [place.problem, medium?.problem].filter((problem) => problem !== undefined)
    const name = place.medium ?? (place.isFull ? '(no name can be read)' : '')
    return [placeName(place), name, ...factsOf(medium), problems.join('; ')]
  })
  return renderTable(
    [{ heading: 'place' }, { heading: 'medium' }, ...factColumns, { heading: 'problem' }],
    rows,
    emphasise,
  )
}

function awayTable(away: readonly LibraryMedium[], emphasise: (heading: string) => string): readonly string[] {
  const rows = away.map((medium) => [
    medium.location ?? '(nobody noted where)',
    medium.name,
    ...factsOf(medium),
    medium.problem ?? '',
  ])
  return renderTable(
    [{ heading: 'away' }, { heading: 'medium' }, ...factColumns, { heading: 'problem' }],
    rows,
    emphasise,
  )
}

/** `3 slots (2 full), 1 drive (0 full); media: 1 held, 1 blank; 1 of them away` */
function summary(places: readonly LibraryPlace[], media: readonly LibraryMedium[]): string {
  const rooms = kinds.flatMap(([kind, noun]) => {
    const alike = places.filter((place) => place.kind === kind)
    const full = alike.filter(({ isFull }) => isFull).length
    return alike.length === 0 ? [] : [`${counted(alike.length, noun)} (${full} full)`]
  })
  const counts = states.flatMap((state) => {
    const count = media.filter((medium) => medium.state === state).length
    return count === 0 ? [] : [`${count} ${state}`]
  })
  const away = media.filter(({ place }) => place === undefined).length
  const ofThem = away === 0 ? '' : `; ${away} of them away`
  return `${rooms.join(', ')}; media: ${counts.join(', ') || 'none'}${ofThem}`
}
