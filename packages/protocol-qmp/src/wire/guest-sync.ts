import { encodeCommand } from './command.js'
import type { JsonRecord } from './fields.js'
import type { JsonObjects } from './json-objects.js'

/** The byte that no JSON text has; it resets the reader at the other side (qemu-ga-ref, guest-sync-delimited). */
const delimiter = 0xff

/** What a guest agent's stream holds. */
export type GuestPiece =
  | { readonly kind: 'delimiter' }
  | { readonly kind: 'object'; readonly object: JsonRecord }
  /** Bytes that are no message; all up to the next delimiter is left out. */
  | { readonly kind: 'garbage'; readonly error: unknown }

/** Encodes the request to synchronise. */
export function encodeSync(id: number): Uint8Array {
  const command = encodeCommand('guest-sync-delimited', { id })
  const bytes = new Uint8Array(command.byteLength + 1)
  bytes[0] = delimiter
  bytes.set(command, 1)
  return bytes
}

/** Tells whether a message answers the request to synchronise with this id. */
export function isSyncAnswer(message: JsonRecord, id: number): boolean {
  return message['return'] === id
}

/** Makes a reader of a guest agent's stream. It never throws. */
export function guestPieces(objects: JsonObjects): (chunk: Uint8Array) => Generator<GuestPiece, void> {
  let isLost = false

  function* within(part: Uint8Array): Generator<GuestPiece, void> {
    if (isLost) return
    try {
      for (const object of objects.push(part)) yield { kind: 'object', object }
    } catch (error) {
      isLost = true
      objects.reset()
      yield { kind: 'garbage', error }
    }
  }

  return function* pieces(chunk) {
    let start = 0
    for (;;) {
      const end = chunk.indexOf(delimiter, start)
      if (end === -1) return yield* within(chunk.subarray(start))
      yield* within(chunk.subarray(start, end))
      objects.reset()
      isLost = false
      yield { kind: 'delimiter' }
      start = end + 1
    }
  }
}
