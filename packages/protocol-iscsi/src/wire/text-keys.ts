import { broken } from '../iscsi-error.js'
import { joined } from './joined.js'

/** A key with its value. RFC 7143, 6.1. */
export type TextKey = readonly [key: string, value: string]

const longestKey = 63
/** Most bytes of keys that are gathered over the PDUs of one text. */
const maxTextBytes = 2 ** 20
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Encodes keys, each with a zero byte after it. */
export function encodeKeys(keys: readonly TextKey[]): Uint8Array {
  return new TextEncoder().encode(keys.map(([key, value]) => `${key}=${value}\0`).join(''))
}

/** Decodes keys. @throws IscsiError `protocol` for what is no `key=value`, or no UTF-8 */
export function decodeKeys(bytes: Uint8Array): readonly TextKey[] {
  let text: string
  try {
    text = decoder.decode(bytes)
  } catch {
    throw broken('A text is not UTF-8.')
  }
  return text
    .split('\0')
    .filter((part) => part !== '')
    .map((part) => {
      const at = part.indexOf('=')
      if (at < 1 || at > longestKey) throw broken('A text has a part that is no key with a value.')
      return [part.slice(0, at), part.slice(at + 1)] as const
    })
}

/** Makes a map of keys that must not come twice. @throws IscsiError `protocol` */
export function uniqueKeys(keys: readonly TextKey[]): Map<string, string> {
  const map = new Map<string, string>()
  for (const [key, value] of keys) {
    if (map.has(key)) throw broken(`The key ${printable(key)} comes twice.`)
    map.set(key, value)
  }
  return map
}

/** Puts the parts of a text together that comes in several PDUs. */
export interface TextGatherer {
  /** Adds a part. @throws IscsiError `protocol` when the text gets too long */
  readonly add: (part: Uint8Array) => void
  /** Returns the text, and starts anew. */
  readonly finish: () => Uint8Array
}

/** Makes a gatherer of text. */
export function createTextGatherer(): TextGatherer {
  let parts: Uint8Array[] = []
  let bytes = 0
  return {
    add: (part) => {
      bytes += part.length
      if (bytes > maxTextBytes) throw broken('A text does not come to an end.')
      parts.push(part)
    },
    finish: () => {
      const whole = joined(parts)
      parts = []
      bytes = 0
      return whole
    },
  }
}

/** Makes what a peer said fit to be shown: short, and without control characters. */
export function printable(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 100)
}

/** Encodes binary as in `0x01ff`. RFC 7143, 6.1. */
export function encodeBinary(bytes: Uint8Array): string {
  return `0x${Buffer.from(bytes).toString('hex')}`
}

/** Decodes binary in hexadecimal or base64; undefined for what is neither. RFC 7143, 6.1. */
export function decodeBinary(text: string): Uint8Array | undefined {
  const digits = text.slice(2)
  if (/^0x([0-9a-f]{2})+$/i.test(text)) return Buffer.from(digits, 'hex')
  return /^0b[0-9a-z+/]+={0,2}$/i.test(text) ? Buffer.from(digits, 'base64') : undefined
}
