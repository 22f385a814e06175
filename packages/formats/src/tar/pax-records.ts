/**
 * Parses extended attributes of POSIX: `LENGTH KEY=VALUE\n`, where the length counts the whole record.
 *
 * @returns `undefined` when they are wrong
 */
export function paxRecords(bytes: Uint8Array): ReadonlyMap<string, string> | undefined {
  const records = new Map<string, string>()
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  let at = 0
  while (at < bytes.length && bytes[at] !== 0) {
    const space = bytes.indexOf(0x20, at)
    const digits = space < 0 || space - at > 6 ? '' : decoder.decode(bytes.subarray(at, space))
    const end = at + Number(/^[0-9]{1,6}$/.test(digits) ? digits : Number.NaN)
    if (!(end > space + 1) || end > bytes.length || bytes[end - 1] !== 0x0a) return undefined
    const record = decoder.decode(bytes.subarray(space + 1, end - 1))
    const equals = record.indexOf('=')
    if (equals < 1) return undefined
    records.set(record.slice(0, equals), record.slice(equals + 1))
    at = end
  }
  return records
}

/** Writes one attribute. */
export function paxRecord(key: string, value: string): Uint8Array {
  const body = ` ${key}=${value}\n`
  const bodyBytes = new TextEncoder().encode(body).length
  // The length counts its own digits.
  let length = bodyBytes + 1
  while (String(length).length + bodyBytes !== length) length = String(length).length + bodyBytes
  return new TextEncoder().encode(`${length}${body}`)
}
