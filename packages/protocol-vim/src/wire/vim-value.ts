import { protocolError } from '../vim-error.js'

/** A reference to a managed object, written as the API's own JSON form writes it. */
export interface MoRef {
  readonly _typeName: 'ManagedObjectReference'
  /** Such as `VirtualMachine`. */
  readonly type: string
  /** Such as `vm-27`: unique within a server, and no longer than it runs this inventory. */
  readonly value: string
}

/**
 * A data object: its members in the order that the API's reference lists them, which servers insist on. `_typeName` is needed where a subtype
 * may stand. A member that is undefined is left out, a list is repeated.
 */
export interface VimObject {
  readonly [member: string]: VimValue
}

/** A plain value where any may stand, with its XML Schema type: `{ _typeName: 'string', _value: 'a' }`. */
export type VimValue = string | number | bigint | boolean | Date | VimObject | MoRef | readonly VimValue[] | undefined

/** Names a managed object. */
export function moRef(type: string, value: string): MoRef {
  return { _typeName: 'ManagedObjectReference', type, value }
}

/** Writes a member of a data object as XML. Names come from programs, values from anywhere. */
export function encodeMember(name: string, value: VimValue): string {
  if (value === undefined) return ''
  if (Array.isArray(value)) return value.map((each: VimValue) => encodeMember(name, each)).join('')
  if (typeof value !== 'object') return `<${name}>${escapeXml(String(value))}</${name}>`
  if (value instanceof Date) return `<${name}>${value.toISOString()}</${name}>`
  return encodeObject(name, value as VimObject | MoRef)
}

function encodeObject(name: string, object: VimObject | MoRef): string {
  if (isMoRef(object)) return `<${name} type="${escapeXml(object.type)}">${escapeXml(object.value)}</${name}>`
  const { _typeName: typeName, _value: plain, ...members } = object
  if (plain !== undefined) return `<${name} xsi:type="xsd:${String(typeName)}">${escapeXml(String(plain))}</${name}>`
  const type = typeName === undefined ? '' : ` xsi:type="${String(typeName)}"`
  return `<${name}${type}>${encodeMembers(members)}</${name}>`
}

/** Writes the members of a data object, or the arguments of a method. */
export function encodeMembers(members: VimObject): string {
  return Object.entries(members)
    .map(([name, value]) => encodeMember(name, value))
    .join('')
}

function isMoRef(object: VimObject | MoRef): object is MoRef {
  return object._typeName === 'ManagedObjectReference'
}

/** Characters that no XML 1.0 document may hold, escaped or not. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it looks for
const unspeakable = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  // A parser would make a line feed of it.
  '\r': '&#13;',
}

/** Escapes text for an element or an attribute (XML 1.0, section 2.4). @throws VimError `protocol` for what XML cannot say */
export function escapeXml(text: string): string {
  if (unspeakable.test(text)) throw protocolError('A text holds a character that XML cannot say.')
  return text.replaceAll(/[&<>"\r]/g, (character) => entities[character] ?? character)
}
