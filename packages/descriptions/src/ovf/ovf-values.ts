import { invalidDescription } from '../errors.js'
import type { XmlElement } from '../xml/element.js'

/** Makes the error for an element whose value is wrong. */
export function wrongOvf(node: XmlElement, problem: string, hint = 'Correct the descriptor.'): Error {
  return invalidDescription(
    'ovf',
    problem,
    { element: node.name, ...(node.line !== undefined && { line: node.line }) },
    hint,
  )
}

/** Reads a whole number. @throws BackupError `E_SOURCE_INVALID` */
export function ovfNumber(text: string, node: XmlElement): number {
  const value = /^[0-9]{1,16}$/.test(text.trim()) ? Number(text) : Number.NaN
  if (Number.isSafeInteger(value)) return value
  throw wrongOvf(node, 'it must be a whole number')
}
