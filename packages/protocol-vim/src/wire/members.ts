import { protocolError } from '../vim-error.js'
import { type MoRef, moRef } from './vim-value.js'
import type { XmlElement } from './xml-element.js'

/** Finds a member by its path, such as `info.state`; the first where it is a list. */
export function memberAt(element: XmlElement | undefined, path: string): XmlElement | undefined {
  let found = element
  for (const name of path.split('.')) found = found?.children.find((child) => child.name === name)
  return found
}

/** All members of that name, in order: a list is a member that is repeated. */
export function membersOf(element: XmlElement | undefined, name: string): readonly XmlElement[] {
  return element?.children.filter((child) => child.name === name) ?? []
}

/** Reads a text; undefined where the member is absent. */
export function textAt(element: XmlElement | undefined, path: string): string | undefined {
  return memberAt(element, path)?.text
}

/** Reads a whole number. @throws VimError `protocol` when it is none, or not held exactly */
export function integerAt(element: XmlElement | undefined, path: string): number | undefined {
  const text = textAt(element, path)?.trim()
  if (text === undefined) return undefined
  const value = Number(text)
  if (!/^-?\d+$/.test(text) || !Number.isSafeInteger(value)) throw protocolError(`${path} is no whole number.`)
  return value
}

/** Reads a truth value (XML Schema, 3.2.2). @throws VimError `protocol` */
export function flagAt(element: XmlElement | undefined, path: string): boolean | undefined {
  const text = textAt(element, path)?.trim()
  if (text === undefined) return undefined
  if (text === 'true' || text === '1') return true
  if (text === 'false' || text === '0') return false
  throw protocolError(`${path} is neither true nor false.`)
}

/** Reads a time. @throws VimError `protocol` */
export function dateAt(element: XmlElement | undefined, path: string): Date | undefined {
  const text = textAt(element, path)?.trim()
  if (text === undefined) return undefined
  const date = new Date(text)
  if (Number.isNaN(date.getTime())) throw protocolError(`${path} is no time.`)
  return date
}

/** Reads a reference. @throws VimError `protocol` */
export function refAt(element: XmlElement | undefined, path: string): MoRef | undefined {
  const found = memberAt(element, path)
  return found === undefined ? undefined : refOf(found)
}

/** Takes an element for a reference. @throws VimError `protocol` */
export function refOf({ name, refType, text }: XmlElement): MoRef {
  if (refType === undefined || text.trim() === '') throw protocolError(`${name} is no reference.`)
  return moRef(refType, text.trim())
}

/** Asks for what must be there. @throws VimError `protocol` */
export function present<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw protocolError(`The answer lacks ${what}.`)
  return value
}
