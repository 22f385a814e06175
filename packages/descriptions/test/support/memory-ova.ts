import { type OvaContent, type OvaOptions, ovaParts, type PositionedBytes } from '../../src/ovf/index.js'

/** A file with its content. */
export interface Content {
  readonly name: string
  readonly bytes: Uint8Array
}

/** Builds an OVA in memory from the parts that the package lays out. */
export function ovaOf(contents: readonly Content[], options: OvaOptions = {}): Uint8Array {
  const places = contents.map(({ name, bytes }): OvaContent => ({ name, sizeBytes: bytes.length }))
  const written: Uint8Array[] = []
  let end = 0
  for (const part of ovaParts(places, options)) {
    const bytes =
      part.kind === 'bytes' ? part.bytes : (contents.find(({ name }) => name === part.name)?.bytes ?? new Uint8Array())
    if (part.offset !== end) throw new Error(`a part begins at ${part.offset}, the one before ended at ${end}`)
    written.push(bytes)
    end += bytes.length
  }
  return new Uint8Array(Buffer.concat(written))
}

/** Bytes in memory, which count what is read of them and refuse what is outside. */
export function memorySource(bytes: Uint8Array): PositionedBytes & { readonly readBytes: () => number } {
  let readBytes = 0
  return {
    sizeBytes: bytes.length,
    readBytes: () => readBytes,
    read: async (offset, into) => {
      if (offset < 0 || offset + into.length > bytes.length) throw new Error(`read outside: ${offset} + ${into.length}`)
      readBytes += into.length
      into.set(bytes.subarray(offset, offset + into.length))
    },
  }
}

export function textBytes(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}
