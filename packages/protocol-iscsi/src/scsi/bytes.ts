/** Makes bytes of a length by writing the fields of a view; all numbers of SCSI are big-endian. */
export function fieldsOf(lengthBytes: number, write: (view: DataView) => void): Uint8Array {
  const bytes = new Uint8Array(lengthBytes)
  write(viewOf(bytes))
  return bytes
}

/** Makes a view of bytes. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** Reads a byte; one behind the end counts as zero, as a field that a unit left out (SPC-4, 4.2.2). */
export function byteAt(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? 0
}

/** Tells whether bits of a byte are set. */
export function hasBits(bytes: Uint8Array, at: number, mask: number): boolean {
  return (byteAt(bytes, at) & mask) === mask
}

/** Reads a number of up to 6 bytes; bytes behind the end count as zero. */
export function numberAt(bytes: Uint8Array, at: number, count: number): number {
  let value = 0
  for (let index = 0; index < count; index += 1) value = value * 256 + byteAt(bytes, at + index)
  return value
}

/** Reads 8 bytes as a number; undefined when that is more than a number holds exactly. */
export function sizeAt(bytes: Uint8Array, at: number): number | undefined {
  const value = numberAt(bytes, at, 4) * 2 ** 32 + numberAt(bytes, at + 4, 4)
  return Number.isSafeInteger(value) ? value : undefined
}

/** Writes a number of up to 6 bytes; of a negative one its two's complement. */
export function putNumber(view: DataView, at: number, count: number, value: number): void {
  let rest = value
  for (let index = count - 1; index >= 0; index -= 1) {
    view.setUint8(at + index, ((rest % 256) + 256) % 256)
    rest = Math.floor(rest / 256)
  }
}

/** Writes a number of 8 bytes; of a negative one its two's complement. */
export function putSize(view: DataView, at: number, value: number): void {
  view.setBigInt64(at, BigInt(value))
}

const decoder = new TextDecoder('latin1')

/** Reads a padded text: without what is behind a zero byte, and without blanks at its ends. */
export function textAt(bytes: Uint8Array, at: number, count: number): string {
  const field = bytes.subarray(at, at + count)
  const end = field.indexOf(0)
  return decoder.decode(end < 0 ? field : field.subarray(0, end)).trim()
}

/** Writes a text of ASCII, padded with blanks. */
export function putText(bytes: Uint8Array, at: number, count: number, text: string): void {
  for (let index = 0; index < count; index += 1) {
    const code = index < text.length ? text.charCodeAt(index) : 0x20
    bytes[at + index] = code < 0x80 ? code : 0x3f
  }
}

/** Writes bytes as hexadecimal digits. */
export function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (value) => value.toString(16).padStart(2, '0')).join('')
}
