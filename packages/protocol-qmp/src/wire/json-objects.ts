import { protocolError, QmpError } from '../qmp-error.js'
import { isRecord, type JsonRecord } from './fields.js'

/** Splits a stream of bytes into JSON objects. */
export interface JsonObjects {
  /**
   * Yields the objects that end in this chunk, lazily; the chunk is not kept.
   *
   * @throws QmpError `protocol` for what is no JSON object, `limit` for one too large; call `reset` before the next push
   */
  readonly push: (chunk: Uint8Array) => Generator<JsonRecord, void>
  /** Forgets an unfinished object. */
  readonly reset: () => void
}

/** QEMU refuses deeper messages itself (MAX_NESTING of its json-streamer). */
const deepest = 1024
const smallestHold = 4096
const code = { quote: 0x22, listOpen: 0x5b, escape: 0x5c, listClose: 0x5d, open: 0x7b, close: 0x7d } as const

/**
 * Makes a splitter that finds the ends of objects by their brackets, as QEMU's own does.
 *
 * Guarantee: line ends do not matter (`pretty=on` monitors are read too), nor where the stream is cut; at most twice
 * `maxBytes` are held.
 */
export function jsonObjects({ maxBytes }: { readonly maxBytes: number }): JsonObjects {
  let held = new Uint8Array(smallestHold)
  let heldBytes = 0
  let depth = 0
  let isText = false
  let isEscaped = false

  const reset = () => {
    if (held.byteLength > smallestHold) held = new Uint8Array(smallestHold)
    heldBytes = 0
    depth = 0
    isText = false
    isEscaped = false
  }

  const hold = (part: Uint8Array) => {
    const needed = heldBytes + part.byteLength
    if (needed > maxBytes) throw new QmpError('limit', `A message is longer than ${maxBytes} bytes`)
    if (needed > held.byteLength) {
      const grown = new Uint8Array(Math.max(needed, held.byteLength * 2))
      grown.set(held.subarray(0, heldBytes))
      held = grown
    }
    held.set(part, heldBytes)
    heldBytes = needed
  }

  const finish = (part: Uint8Array): JsonRecord => {
    hold(part)
    const record = parseObject(held.subarray(0, heldBytes))
    reset()
    return record
  }

  function* push(chunk: Uint8Array): Generator<JsonRecord, void> {
    let start = 0
    for (let at = 0; at < chunk.byteLength; at += 1) {
      const byte = chunk[at]
      if (isText) {
        if (isEscaped) isEscaped = false
        else if (byte === code.escape) isEscaped = true
        else if (byte === code.quote) isText = false
      } else if (depth === 0) {
        if (isSpace(byte)) continue
        if (byte !== code.open) throw protocolError('There are bytes between messages that belong to none')
        depth = 1
        start = at
      } else if (byte === code.quote) isText = true
      else if (byte === code.open || byte === code.listOpen) {
        depth += 1
        if (depth > deepest) throw new QmpError('limit', `A message is nested deeper than ${deepest} levels`)
      } else if (byte === code.close || byte === code.listClose) {
        depth -= 1
        if (depth === 0) yield finish(chunk.subarray(start, at + 1))
      }
    }
    if (depth > 0) hold(chunk.subarray(start))
  }

  return { push, reset }
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

/** Parses one object. The parser's own message quotes the input, which may be secret, so it is no cause. */
function parseObject(bytes: Uint8Array): JsonRecord {
  let value: unknown
  try {
    value = JSON.parse(utf8.decode(bytes))
  } catch {
    throw protocolError('A message is not valid JSON in UTF-8')
  }
  if (!isRecord(value)) throw protocolError('A message is not a JSON object')
  return value
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
}
