import { paxRecord } from './pax-records.js'
import { type TarAttributes, tarBlockBytes, tarHeader } from './tar-header.js'

/** A file to be put into an archive. */
export interface TarMember extends TarAttributes {
  readonly name: string
  readonly sizeBytes: number
  /** Extended attributes of POSIX, by their names: those of a vendor begin with its name in capitals. */
  readonly records?: ReadonlyMap<string, string>
}

/** Writes what comes before a file's content: its header, and before that one of extended attributes where they are needed. */
export function memberHead({ name, sizeBytes, records = new Map(), ...attributes }: TarMember): Uint8Array {
  const isPlain = /^[\x20-\x7e]{1,99}$/.test(name)
  const plainName = isPlain ? name : name.replace(/[^\x20-\x7e]/g, '_').slice(0, 99)
  const header = tarHeader({ name: plainName, sizeBytes, type: '0' }, attributes)
  const texts = [
    ...(isPlain ? [] : [paxRecord('path', name)]),
    ...[...records].map(([key, value]) => paxRecord(key, value)),
  ]
  if (texts.length === 0) return header
  const extensionBytes = texts.reduce((sum, text) => sum + text.length, 0)
  const extension = tarHeader({ name: 'PaxHeaders/name', sizeBytes: extensionBytes, type: 'x' }, attributes)
  const head = new Uint8Array(extension.length + extensionBytes + tarPadding(extensionBytes) + header.length)
  head.set(extension, 0)
  let at = extension.length
  for (const text of texts) {
    head.set(text, at)
    at += text.length
  }
  head.set(header, head.length - header.length)
  return head
}

/** Tells how many zeros follow a content of that size. */
export function tarPadding(sizeBytes: number): number {
  return (tarBlockBytes - (sizeBytes % tarBlockBytes)) % tarBlockBytes
}
