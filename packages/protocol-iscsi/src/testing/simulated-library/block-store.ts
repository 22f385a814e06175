import { closeSync, openSync, readSync, writeSync } from 'node:fs'

/** Where a block is kept. */
export type StoredBlock =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'fill'; readonly lengthBytes: number; readonly value: number }
  | { readonly kind: 'file'; readonly lengthBytes: number; readonly at: number }

/** Keeps the blocks of all cartridges. */
export interface BlockStore extends Disposable {
  readonly put: (bytes: Uint8Array) => StoredBlock
  readonly get: (block: StoredBlock) => Uint8Array
}

/** Length of a block. */
export function lengthOf(block: StoredBlock): number {
  return block.kind === 'bytes' ? block.bytes.length : block.lengthBytes
}

/** Makes a store in memory, or in a file; a block of one repeated byte takes no room in either. */
export function blockStore(path: string | undefined): BlockStore {
  const file = path === undefined ? undefined : openSync(path, 'w+')
  let endBytes = 0
  const keep = (bytes: Uint8Array): StoredBlock => {
    if (file === undefined) return { kind: 'bytes', bytes: Uint8Array.from(bytes) }
    const at = endBytes
    for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done, bytes.length - done, at + done)
    endBytes += bytes.length
    return { kind: 'file', at, lengthBytes: bytes.length }
  }
  return {
    put: (bytes) => {
      const value = bytes[0] ?? 0
      return bytes.every((byte) => byte === value) ? { kind: 'fill', value, lengthBytes: bytes.length } : keep(bytes)
    },
    get: (block) => {
      if (block.kind === 'bytes') return block.bytes
      const bytes = new Uint8Array(block.lengthBytes)
      if (block.kind === 'fill') return bytes.fill(block.value)
      for (let done = 0; file !== undefined && done < bytes.length; )
        done += readSync(file, bytes, done, bytes.length - done, block.at + done)
      return bytes
    },
    [Symbol.dispose]: () => {
      if (file !== undefined) closeSync(file)
    },
  }
}
