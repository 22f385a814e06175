import type { ByteSource, ByteStore, NamedSource } from '../../src/bytes/byte-source.js'

const pageBytes = 4096

/** A sparse file in memory that complains about every access its contract forbids. */
export interface MemoryFile extends ByteStore, ByteSource {
  readonly name: string
  /** Bytes that take up memory. */
  readonly allocatedBytes: () => number
  /** Everything up to its end, for small files. */
  readonly bytes: () => Uint8Array
  /** As a codec gets it; counts how often it was read. */
  readonly named: () => NamedSource
  readonly reads: () => number
}

const nothing = new Uint8Array(0)

/** Makes a file, empty or with given content, which is copied page by page once it is written to. */
export function memoryFile(name = 'disk.img', content: Uint8Array = nothing): MemoryFile {
  const pages = new Map<number, Uint8Array>()
  let size = content.byteLength
  let reads = 0
  const within = (offset: number, length: number) => {
    if (!Number.isSafeInteger(offset) || offset < 0 || !(length <= size - offset))
      throw new RangeError(`${name}: read of ${length} bytes at ${offset} in a file of ${size}`)
  }
  const each = (
    offset: number,
    length: number,
    visit: (page: number, from: number, to: number, at: number) => void,
  ) => {
    for (let at = 0; at < length; ) {
      const page = Math.floor((offset + at) / pageBytes)
      const from = (offset + at) % pageBytes
      const to = Math.min(pageBytes, from + length - at)
      visit(page, from, to, at)
      at += to - from
    }
  }
  const writeNow = (offset: number, bytes: Uint8Array) => {
    if (!Number.isSafeInteger(offset) || offset < 0) throw new RangeError(`${name}: write at ${offset}`)
    size = Math.max(size, offset + bytes.byteLength)
    each(offset, bytes.byteLength, (page, from, to, at) => {
      const memory = pages.get(page) ?? ownPage(page)
      pages.set(page, memory)
      memory.set(bytes.subarray(at, at + to - from), from)
    })
  }
  const ownPage = (page: number) => {
    const memory = new Uint8Array(pageBytes)
    memory.set(content.subarray(page * pageBytes, (page + 1) * pageBytes))
    return memory
  }
  const readNow = (offset: number, into: Uint8Array) => {
    within(offset, into.byteLength)
    if (pages.size === 0 && offset + into.byteLength <= content.byteLength)
      return into.set(content.subarray(offset, offset + into.byteLength))
    each(offset, into.byteLength, (page, from, to, at) => {
      const memory = pages.get(page)
      if (memory !== undefined) return into.set(memory.subarray(from, to), at)
      const given = content.subarray(page * pageBytes + from, page * pageBytes + to)
      into.set(given, at)
      into.fill(0, at + given.byteLength, at + to - from)
    })
  }
  const drop = (offset: number, length: number) => {
    const given = Math.ceil(Math.min(content.byteLength, offset + length) / pageBytes)
    for (let page = Math.floor(offset / pageBytes); page < given; page++)
      if (!pages.has(page)) pages.set(page, ownPage(page))
    for (const [page, memory] of pages) {
      const from = Math.max(offset, page * pageBytes)
      const to = Math.min(offset + length, (page + 1) * pageBytes)
      if (from >= to) continue
      if (to - from === pageBytes && page * pageBytes >= content.byteLength) pages.delete(page)
      else memory.fill(0, from - page * pageBytes, to - page * pageBytes)
    }
  }
  const file: MemoryFile = {
    name,
    get sizeBytes() {
      return size
    },
    read: async (offset, into) => {
      reads += 1
      // Late, as a disk is: whoever goes on before it is there reads what was there before.
      await undefined
      readNow(offset, into)
    },
    write: async (offset, bytes) => {
      await undefined
      writeNow(offset, bytes)
    },
    zero: async (offset, length) => drop(offset, length),
    resize: async (sizeBytes) => {
      if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0) throw new RangeError(`${name}: size ${sizeBytes}`)
      if (sizeBytes < size) drop(sizeBytes, size - sizeBytes)
      size = sizeBytes
    },
    allocatedBytes: () => pages.size * pageBytes,
    bytes: () => {
      const all = new Uint8Array(size)
      readNow(0, all)
      return all
    },
    named: () => ({ name, source: file, close: async () => {} }),
    reads: () => reads,
  }
  return file
}
