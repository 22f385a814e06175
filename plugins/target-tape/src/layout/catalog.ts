import { createHash } from 'node:crypto'
import { createGunzip, createGzip } from 'node:zlib'
import { type CartridgeLabel, decodeLabel, encodeLabel } from './label.js'

/** An object on a cartridge. Spec: "Catalog". */
export interface CatalogObject {
  readonly key: string
  readonly sizeBytes: number
  /** Hex. */
  readonly sha256: string
  readonly file: number
  /** Of its first byte in the tape file. */
  readonly offset: number
  readonly storedAt: Date
  /** Read to find others: kept at hand, and repeated at the end of each session. */
  readonly isLookup: boolean
}

/** A cartridge of a set, with what is on it in the order in which it lies there. */
export interface CatalogCartridge {
  readonly label: CartridgeLabel
  readonly objects: Iterable<CatalogObject>
}

/** All that a set holds. */
export interface SetCatalog {
  readonly set: string
  readonly pool: string
  readonly createdAt: Date
  /** When the set expires; absent: never. */
  readonly keepUntil: Date | undefined
  readonly cartridges: Iterable<CatalogCartridge>
}

/** What a catalog that was read holds. */
export interface ReadCatalog extends SetCatalog {
  readonly cartridges: readonly { readonly label: CartridgeLabel; readonly objects: readonly CatalogObject[] }[]
}

const format = 'holdfast-tape-catalog 1'

/** Writes a catalog, compressed. Memory: what is written, not what it is made from. */
export async function encodeCatalog(catalog: SetCatalog): Promise<Uint8Array> {
  const gzip = createGzip()
  const parts: Uint8Array[] = []
  const written = (async () => {
    for await (const part of gzip as AsyncIterable<Uint8Array>) parts.push(part)
  })()
  for (const line of sealed(linesOf(catalog))) {
    if (!gzip.write(line)) await new Promise((resolve) => gzip.once('drain', resolve))
  }
  gzip.end()
  await written
  return Buffer.concat(parts)
}

/**
 * Reads a catalog.
 *
 * @returns the problem, in words, when it is damaged or of a version to come
 */
export async function decodeCatalog(
  bytes: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<ReadCatalog | string> {
  const hash = createHash('sha256')
  const cartridges: { label: CartridgeLabel; objects: CatalogObject[] }[] = []
  let head: Omit<ReadCatalog, 'cartridges'> | undefined
  let entries = 0
  try {
    for await (const line of unzippedLines(bytes)) {
      const fields: unknown = JSON.parse(line)
      if (!isFields(fields)) return 'a line is no object'
      if (fields['digest'] !== undefined) {
        const fits = fields['digest'] === hash.digest('hex') && fields['entries'] === entries
        if (head === undefined || !fits) return 'its digest does not fit'
        return { ...head, cartridges }
      }
      hash.update(`${line}\n`)
      entries += 1
      if (head === undefined) {
        if (fields['format'] !== format) return `its format is ${JSON.stringify(fields['format'])}`
        const { set, pool, createdAt, keepUntil } = fields
        const [created, until] = [dateOf(createdAt), dateOf(keepUntil)]
        if (typeof set !== 'string' || typeof pool !== 'string' || created === undefined)
          return 'its first line lacks something'
        if (keepUntil !== undefined && until === undefined) return 'its first line says no time until which it is kept'
        head = { set, pool, createdAt: created, keepUntil: until }
      } else if (fields['cartridge'] === undefined) {
        const object = objectOf(fields)
        if (object === undefined) return 'an object lacks something'
        cartridges.at(-1)?.objects.push(object)
      } else {
        const read = decodeLabel(String(fields['label']))
        if (read.kind !== 'label') return 'the label of a cartridge is damaged'
        cartridges.push({ label: read.label, objects: [] })
      }
    }
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
  return 'it is cut off'
}

function* linesOf({ set, pool, createdAt, keepUntil, cartridges }: SetCatalog): Generator<unknown> {
  yield { format, set, pool, createdAt: createdAt.toISOString(), keepUntil: keepUntil?.toISOString() }
  for (const { label, objects } of cartridges) {
    const { cartridge, barcode } = label
    yield { cartridge, barcode, sequence: label.set?.sequence, label: encodeLabel(label) }
    for (const { key, sizeBytes, sha256, file, offset, storedAt, isLookup } of objects)
      yield {
        key,
        size: sizeBytes,
        sha256,
        file,
        offset,
        at: storedAt.toISOString(),
        ...(isLookup && { use: 'lookup' }),
      }
  }
}

function* sealed(values: Iterable<unknown>): Generator<string> {
  const hash = createHash('sha256')
  let entries = 0
  for (const value of values) {
    const line = `${JSON.stringify(value)}\n`
    hash.update(line)
    entries += 1
    yield line
  }
  yield `${JSON.stringify({ entries, digest: hash.digest('hex') })}\n`
}

/** No line is longer than a label can make it. */
const maxLineBytes = 1_048_576

async function* unzippedLines(bytes: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const gunzip = createGunzip()
  const feeding = (async () => {
    try {
      for await (const part of bytes) {
        if (gunzip.destroyed) return
        if (!gunzip.write(part)) await new Promise((resolve) => gunzip.once('drain', resolve).once('close', resolve))
      }
      gunzip.end()
    } catch (error) {
      gunzip.destroy(error instanceof Error ? error : new Error(String(error)))
    }
  })()
  let rest = ''
  const decoder = new TextDecoder('utf-8', { fatal: true })
  try {
    for await (const part of gunzip as AsyncIterable<Uint8Array>) {
      const lines = (rest + decoder.decode(part, { stream: true })).split('\n')
      rest = lines.pop() ?? ''
      if (rest.length > maxLineBytes) throw new Error('a line is too long')
      yield* lines
    }
  } finally {
    gunzip.destroy()
    await feeding
  }
}

function objectOf(fields: Fields): CatalogObject | undefined {
  const { key, size, sha256, file, offset, at, use } = fields
  const isNumber = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0
  if (typeof key !== 'string' || typeof sha256 !== 'string' || !/^[0-9a-f]{64}$/.test(sha256)) return undefined
  if (!isNumber(size) || !isNumber(file) || !isNumber(offset)) return undefined
  const storedAt = dateOf(at)
  if (storedAt === undefined) return undefined
  return { key, sizeBytes: size, sha256, file, offset, storedAt, isLookup: use === 'lookup' }
}

function dateOf(value: unknown): Date | undefined {
  const date = new Date(typeof value === 'string' ? value : Number.NaN)
  return Number.isNaN(date.getTime()) ? undefined : date
}

type Fields = Readonly<Record<string, unknown>>

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
