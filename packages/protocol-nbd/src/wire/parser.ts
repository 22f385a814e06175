/**
 * What a parser asks for: so many of the next bytes, a buffer to be filled with them, or a wait before it goes on.
 *
 * It is resumed with the bytes in the first case, valid until it asks again, and with none in the others.
 */
export type Want = number | Uint8Array | Promise<void>

/** Understands a stream of bytes piece by piece, without a socket: asks with `yield`, and returns when it has read enough. */
export type Parser<Result> = Generator<Want, Result, Uint8Array>

/** Most bytes that a parser may ask for by number. */
export const maxWantBytes = 16_384

/** Asks for bytes in a buffer of their own when they are many. */
export function* take(countBytes: number): Parser<Uint8Array> {
  if (countBytes <= maxWantBytes) return yield countBytes
  const bytes = new Uint8Array(countBytes)
  yield bytes
  return bytes
}

/** Reads bytes and forgets them, in little memory. */
export function* skip(countBytes: number): Parser<void> {
  for (let left = countBytes; left > 0; left -= maxWantBytes) yield Math.min(left, maxWantBytes)
}

/** Waits for a value. */
export function* waitFor<Value>(promise: Promise<Value>): Parser<Value> {
  const arrived: (() => Value)[] = []
  yield promise.then((value) => {
    arrived.push(() => value)
  })
  const [value] = arrived
  if (value === undefined) throw new TypeError('The wait ended without a value.')
  return value()
}
