/** Size of a block of tar, and of its headers. */
export const tarBlockBytes = 512

/** What a header says. */
export interface TarHeader {
  readonly name: string
  readonly sizeBytes: number
  /** The type flag: `0` a file, `5` a folder, `L` a long name of GNU, `x` extended attributes of POSIX. */
  readonly type: string
}

/** What else a header that is written says. */
export interface TarAttributes {
  readonly modifiedAt: Date
  /** Permissions. @defaultValue `0o644` */
  readonly mode?: number
}

const largestOctal = 8 ** 11 - 1
const fields = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
} as const

/** Tells whether a block marks the end. */
export function isZeroBlock(block: Uint8Array): boolean {
  return block.every((byte) => byte === 0)
}

/**
 * Parses a header: ustar of POSIX, of GNU, or older.
 *
 * @returns `undefined` when the checksum or a number is wrong
 */
export function parseTarHeader(block: Uint8Array): TarHeader | undefined {
  const stated = octalAt(block, fields.checksum)
  const { unsigned, signed } = checksumsOf(block)
  if (stated !== unsigned && stated !== signed) return undefined
  const sizeBytes = sizeAt(block)
  if (sizeBytes === undefined) return undefined
  const isPosix = textOf(block.subarray(257, 265)) === 'ustar' && block[262] === 0
  const prefix = isPosix ? textOf(block.subarray(345, 500)) : ''
  const name = textOf(field(block, fields.name))
  return { name: prefix === '' ? name : `${prefix}/${name}`, sizeBytes, type: String.fromCharCode(block[156] || 48) }
}

/** Writes a header of POSIX ustar for a file, or extended attributes; sizes from 8 GiB in base 256, which all readers know. */
export function tarHeader(header: TarHeader, { modifiedAt, mode = 0o644 }: TarAttributes): Uint8Array {
  const block = new Uint8Array(tarBlockBytes)
  const put = (text: string, offset: number) => block.set(new TextEncoder().encode(text), offset)
  const octal = (value: number, [offset, length]: readonly [number, number]) =>
    put(value.toString(8).padStart(length - 1, '0'), offset)
  put(header.name, fields.name[0])
  octal(mode, fields.mode)
  octal(0, fields.uid)
  octal(0, fields.gid)
  if (header.sizeBytes <= largestOctal) octal(header.sizeBytes, fields.size)
  else putBase256(block, header.sizeBytes)
  octal(Math.min(Math.max(Math.floor(modifiedAt.getTime() / 1000), 0), largestOctal), fields.mtime)
  put(header.type, 156)
  put('ustar\0', 257)
  put('00', 263)
  put('0000000\0', 329)
  put('0000000\0', 337)
  put(`${checksumsOf(block).unsigned.toString(8).padStart(6, '0')}\0 `, fields.checksum[0])
  return block
}

/** Text up to the first NUL: UTF-8, or Latin 1 when it is not. */
export function textOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(0)
  const used = Uint8Array.from(end < 0 ? bytes : bytes.subarray(0, end))
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(used)
  } catch {
    // Older tools wrote names as their system had them.
    return new TextDecoder('latin1').decode(used)
  }
}

// The checksum counts its own field as spaces. Some tools added up signed bytes.
function checksumsOf(block: Uint8Array): { readonly unsigned: number; readonly signed: number } {
  let unsigned = 0
  let signed = 0
  for (const [index, stored] of block.entries()) {
    const byte = index >= fields.checksum[0] && index < fields.checksum[0] + fields.checksum[1] ? 0x20 : stored
    unsigned += byte
    signed += byte < 0x80 ? byte : byte - 0x100
  }
  return { unsigned, signed }
}

function sizeAt(block: Uint8Array): number | undefined {
  const bytes = field(block, fields.size)
  const [first = 0] = bytes
  if (first < 0x80) return octalAt(block, fields.size)
  // 0xff begins a negative number.
  if (first !== 0x80) return undefined
  const value = bytes.subarray(1).reduce((sum, byte) => sum * 256 + byte, 0)
  return Number.isSafeInteger(value) ? value : undefined
}

function putBase256(block: Uint8Array, value: number): void {
  const [offset, length] = fields.size
  let rest = value
  for (let at = offset + length - 1; at > offset; at--) {
    block[at] = rest % 256
    rest = Math.floor(rest / 256)
  }
  block[offset] = 0x80
}

function octalAt(block: Uint8Array, place: readonly [number, number]): number | undefined {
  const text = new TextDecoder('latin1')
    .decode(Uint8Array.from(field(block, place)))
    .replace(/\0.*$/s, '')
    .trim()
  return /^[0-7]{0,12}$/.test(text) ? Number.parseInt(text || '0', 8) : undefined
}

function field(block: Uint8Array, [offset, length]: readonly [number, number]): Uint8Array {
  return block.subarray(offset, offset + length)
}
