import type { Note } from '../described-machine.js'
import { invalidDescription } from '../errors.js'
import { printableList } from '../printable.js'
import type { VmxDictionary, VmxEntry } from './vmx-dictionary.js'

/** Reads keys of a VMX file and remembers which, so that the others can be told. */
export interface VmxReader {
  /** The value of a key, now read; `undefined` when it is not set or empty. */
  readonly text: (key: string) => string | undefined
  /** A key that is `TRUE` or `FALSE`. */
  readonly flag: (key: string) => boolean | undefined
  /** A key that is a whole number from 1. */
  readonly count: (key: string) => number | undefined
  /** Tells where keys are, as a note does. */
  readonly where: (keys: readonly string[]) => string
  /** Keys that begin so, set or not read yet; all of them are now read. */
  readonly takeAll: (prefix: string) => readonly string[]
  /** Notes for the keys that nobody read, one a device. */
  readonly unread: () => readonly Note[]
}

/** Makes a reader for one file. */
export function vmxReader({ entries }: VmxDictionary): VmxReader {
  const read = new Set<string>()
  const text = (key: string) => {
    const name = key.toLowerCase()
    read.add(name)
    const value = entries.get(name)?.value
    return value?.trim() === '' ? undefined : value
  }
  const wrong = (key: string, problem: string) =>
    invalidDescription('vmx', problem, placeOf(entries.get(key.toLowerCase())), 'Correct the value.')
  return {
    text,
    flag: (key) => {
      const value = text(key)?.trim().toLowerCase()
      if (value === undefined) return undefined
      if (['true', 'yes', 'on', '1'].includes(value)) return true
      if (['false', 'no', 'off', '0'].includes(value)) return false
      throw wrong(key, 'it must be TRUE or FALSE')
    },
    count: (key) => {
      const value = text(key)?.trim()
      if (value === undefined) return undefined
      if (/^[0-9]{1,9}$/.test(value) && Number(value) > 0) return Number(value)
      throw wrong(key, 'it must be a whole number from 1')
    },
    where: (keys) =>
      printableList(
        keys.map((key) => described(key, entries.get(key.toLowerCase()))),
        40,
      ),
    takeAll: (prefix) => {
      const found = [...entries.keys()].filter((key) => key.startsWith(prefix.toLowerCase()))
      for (const key of found) read.add(key)
      return found
    },
    unread: () => {
      const devices = Map.groupBy(
        // An empty value says nothing.
        [...entries].filter(([key, { value }]) => !read.has(key) && value !== ''),
        ([key]) => deviceOf(key),
      )
      return [...devices].map(([, settings]) => ({
        what: `settings of ${printableList(settings.slice(0, 1).map(([, { key }]) => deviceOf(key)))}`,
        where: printableList(
          settings.map(([, entry]) => described(entry.key, entry)),
          200,
        ),
        why: 'The neutral model has no equal; the native text keeps them.',
      }))
    },
  }
}

// `pciBridge4.virtualDev` and `pciBridge5.functions` belong together.
function deviceOf(key: string): string {
  const end = key.search(/[.:]/)
  return (end < 0 ? key : key.slice(0, end)).replace(/[0-9]+$/, '') || key
}

function described(key: string, entry: VmxEntry | undefined): string {
  return entry === undefined ? key : `${entry.key} (line ${entry.line})`
}

function placeOf(entry: VmxEntry | undefined): { line?: number; element?: string } {
  return entry === undefined ? {} : { line: entry.line, element: entry.key }
}
