import fc from 'fast-check'

/** One call on a writer. `seed` decides the bytes of a write. */
export interface DiskOperation {
  readonly kind: 'write' | 'zero'
  readonly offset: number
  readonly length: number
  readonly seed: number
}

const longest = 300_000

/** Any sequence of writes and zeroes within a disk: bunched near a few places, so that they overlap and share units. */
export function diskOperations(sizeBytes: number, order: 'any' | 'ascending'): fc.Arbitrary<readonly DiskOperation[]> {
  const place = fc.oneof(fc.constantFrom(0, 0.25, 0.5, 0.75, 1), fc.double({ min: 0, max: 1, noNaN: true }))
  const operation = fc
    .record({
      kind: fc.constantFrom('write', 'write', 'zero'),
      place,
      shift: fc.integer({ min: -100_000, max: 100_000 }),
      length: fc.oneof(fc.constantFrom(1, 511, 512, 4096, 65_536), fc.integer({ min: 1, max: longest })),
      wide: fc.boolean(),
      seed: fc.integer({ min: 1, max: 255 }),
    })
    .map(({ kind, place, shift, length, wide, seed }): DiskOperation => {
      const offset = Math.min(sizeBytes - 1, Math.max(0, Math.floor(place * sizeBytes) + shift))
      // Zeroing may be of any length; what is written has to be kept by the test.
      const wanted = kind === 'zero' && wide ? Math.floor(sizeBytes / 3) + length : length
      return { kind: kind === 'zero' ? 'zero' : 'write', offset, length: Math.min(wanted, sizeBytes - offset), seed }
    })
  return fc.array(operation, { maxLength: 12 }).map((list) => (order === 'any' ? list : ascending(list)))
}

/** Keeps what begins after the end of what came before. */
function ascending(list: readonly DiskOperation[]): readonly DiskOperation[] {
  const kept: DiskOperation[] = []
  for (const operation of list.toSorted((a, b) => a.offset - b.offset)) {
    const last = kept.at(-1)
    if (last === undefined || operation.offset >= last.offset + last.length) kept.push(operation)
  }
  return kept
}

/** The bytes of a write: they depend on their place, and some pages of them are zero. */
function operationBytes({ offset, length, seed }: DiskOperation): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let i = 0; i < length; i++) bytes[i] = ((offset + i) >> 12) % 3 === seed % 3 ? 0 : seed ^ ((offset + i) * 31)
  return bytes
}

/** What operations are performed on: a writer, or the file it is compared with. */
interface Writable {
  readonly write: (offset: number, bytes: Uint8Array) => Promise<void>
  readonly zero: (offset: number, length: number) => Promise<void>
}

/** Performs one operation; the memory it wrote from is used again afterwards, as a caller may. */
export async function performOperation(operation: DiskOperation, on: Writable): Promise<void> {
  if (operation.kind === 'zero') return on.zero(operation.offset, operation.length)
  const bytes = operationBytes(operation)
  await on.write(operation.offset, bytes)
  bytes.fill(0xee)
}
