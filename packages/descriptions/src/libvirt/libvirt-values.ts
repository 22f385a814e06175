import { invalidDescription } from '../errors.js'
import type { XmlElement } from '../xml/element.js'

const units: Readonly<Record<string, number>> = {
  b: 1,
  bytes: 1,
  kb: 1000,
  k: 1024,
  kib: 1024,
  mb: 1e6,
  m: 1024 ** 2,
  mib: 1024 ** 2,
  gb: 1e9,
  g: 1024 ** 3,
  gib: 1024 ** 3,
  tb: 1e12,
  t: 1024 ** 4,
  tib: 1024 ** 4,
}

/** Reads a size with its unit, KiB when none is given. @throws BackupError `E_SOURCE_INVALID` */
export function libvirtBytes(text: string, unit: string | undefined, node: XmlElement): number {
  const name = unit?.trim().toLowerCase() ?? 'kib'
  const factor = Object.hasOwn(units, name) ? units[name] : undefined
  const bytes = /^[0-9]{1,16}$/.test(text) && factor !== undefined ? Number(text) * factor : Number.NaN
  if (bytes > 0 && Number.isSafeInteger(bytes)) return bytes
  throw wrongValue(node, 'it must be a size with a unit that libvirt knows')
}

/** Reads a whole number from `least`. @throws BackupError `E_SOURCE_INVALID` */
export function libvirtNumber(text: string, least: number, node: XmlElement): number {
  if (/^[0-9]{1,9}$/.test(text.trim()) && Number(text) >= least) return Number(text)
  throw wrongValue(node, `it must be a whole number from ${least}`)
}

/** Makes the error for an element whose value is wrong. */
export function wrongValue(node: XmlElement, problem: string): Error {
  const place = { element: node.name, ...(node.line !== undefined && { line: node.line }) }
  return invalidDescription('libvirt-xml', problem, place, 'Correct the element; virt-xml-validate names the rule.')
}
