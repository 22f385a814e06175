import type { DiskId, MachineId } from '@holdfast/core'

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const longestId = 255

/** Reads a UUID however it is punctuated (`56 4d … -…`, braces, upper case); `undefined` for anything else, and for the nil UUID. */
export function uuidOf(text: string | undefined): string | undefined {
  if (text === undefined || text.length > 64) return undefined
  const digits = text.replace(/[\s{}-]/g, '').toLowerCase()
  if (!/^[0-9a-f]{32}$/.test(digits) || /^0*$/.test(digits)) return undefined
  return [digits.slice(0, 8), digits.slice(8, 12), digits.slice(12, 16), digits.slice(16, 20), digits.slice(20)].join(
    '-',
  )
}

/** The machine's id as a UUID to write, or `undefined` when it is not one. */
export function uuidToWrite(id: MachineId): string | undefined {
  return uuidPattern.test(id) ? id : undefined
}

/** Makes a machine's id of its UUID where it has one, else of its name. */
export function machineId(uuid: string | undefined, name: string): MachineId {
  return (uuid ?? idText(name, 'machine')) as MachineId
}

/** Makes a disk's id of what the description calls it. */
export function diskId(text: string): DiskId {
  return idText(text, 'disk') as DiskId
}

// Ids become names of objects and files: no separators, no control characters, never only dots, of bounded length.
function idText(text: string, fallback: string): string {
  const clean = text
    .slice(0, 4 * longestId)
    .toWellFormed()
    .replace(/[/\\\p{Cc}]/gu, '-')
    .slice(0, longestId)
    .toWellFormed()
    .trim()
  return clean === '' || /^\.+$/.test(clean) ? fallback : clean
}

/** Reads a MAC address however it is punctuated, as `00:50:56:00:00:01`; `undefined` for anything else. */
export function macOf(text: string | undefined): string | undefined {
  const digits = text?.length === 17 || text?.length === 12 ? text.replace(/[:-]/g, '').toLowerCase() : ''
  return /^[0-9a-f]{12}$/.test(digits) ? digits.match(/../g)?.join(':') : undefined
}
