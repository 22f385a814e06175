import type { Note } from './described-machine.js'
import { limits } from './limits.js'

/** Keeps the notes about one machine countable: past the bound, the last note says how many more there are. */
export function boundedNotes(notes: readonly Note[]): readonly Note[] {
  if (notes.length <= limits.notes) return notes
  const more = notes.length - limits.notes + 1
  return [
    ...notes.slice(0, limits.notes - 1),
    {
      what: `${more} more notes`,
      where: 'the rest of the description',
      why: 'It says too much to list; the native text has it all.',
    },
  ]
}
