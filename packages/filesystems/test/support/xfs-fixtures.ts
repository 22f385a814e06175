import { readFileSync } from 'node:fs'
import { zstdDecompressSync } from 'node:zlib'

/** What the kernel said of an entry when the fixture was made; names are bytes. */
export interface ExpectedEntry {
  /** In base64. */
  readonly path: string
  readonly mode: number
  readonly links: number
  readonly uid: number
  readonly gid: number
  readonly inode: number
  readonly size: number
  /** In milliseconds. */
  readonly modified: number
  readonly device?: number
  readonly target?: string
  readonly sha256?: string
  readonly ranges?: readonly (readonly ['DATA' | 'HOLE', number])[]
  /** Values in base64. */
  readonly attributes?: Readonly<Record<string, string>>
}

/** Unpacks an image that the kernel made. */
export function xfsImage(name: string): Uint8Array {
  return unpacked(`${name}.img.zst`)
}

/** What the kernel read in it. */
export function xfsListing(name: string): readonly ExpectedEntry[] {
  return JSON.parse(Buffer.from(unpacked(`${name}.json.zst`)).toString())
}

function unpacked(file: string): Uint8Array {
  return zstdDecompressSync(readFileSync(new URL(`../fixtures/xfs/${file}`, import.meta.url)))
}
