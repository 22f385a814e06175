import { describe, expect, it } from 'vitest'
import { jsonObjects } from '../src/wire/json-objects.js'
import { bytes, join } from './support/bytes.js'

const maxBytes = 1000
const read = (...chunks: readonly (Uint8Array | string)[]) => {
  const objects = jsonObjects({ maxBytes })
  return chunks.flatMap((chunk) => [...objects.push(typeof chunk === 'string' ? bytes(chunk) : chunk)])
}

describe('the splitter of JSON objects', () => {
  it('finds several in one chunk, with any white space or none between', () => {
    expect(read('{"a":1}\r\n{"b":[{"c":{}}]}\n\t {"d":null}{}')).toEqual([
      { a: 1 },
      { b: [{ c: {} }] },
      { d: null },
      {},
    ])
  })

  it('joins one that comes in parts, also within an escape and within a letter of several bytes', () => {
    const whole = join('{"path":"C:\\\\\\"}ü€"}')
    for (let at = 1; at < whole.byteLength; at += 1)
      expect(read(whole.subarray(0, at), whole.subarray(at))).toEqual([{ path: 'C:\\"}ü€' }])
  })

  it('reads what a pretty monitor prints over many lines', () => {
    expect(read('{\r\n    "return": {\r\n    }\r\n}\r\n')).toEqual([{ return: {} }])
  })

  it('takes no bracket in a text for one', () => {
    expect(read('{"a":"}]{["}{"b":"\\"}"}')).toEqual([{ a: '}]{[' }, { b: '"}' }])
  })

  it.each([
    ['text between messages', '{} x'],
    ['a list', '[1]'],
    ['a broken object', '{"a":}'],
    ['brackets that do not fit', '{]'],
    ['an unfinished escape', '{"a":"\\x"}'],
    ['bytes that are not UTF-8', join('{"a":"', Uint8Array.of(0xc3), '"}')],
  ])('refuses %s', (_, input) => {
    expect(() => read(input)).toThrow(expect.objectContaining({ code: 'protocol' }))
  })

  it('gives what came before the part that it refuses', () => {
    const given: unknown[] = []
    const objects = jsonObjects({ maxBytes })
    expect(() => {
      for (const object of objects.push(bytes('{"a":1}{"b":2}!'))) given.push(object)
    }).toThrow()
    expect(given).toEqual([{ a: 1 }, { b: 2 }])
  })

  it('says nothing of the content it refuses', () => {
    expect.assertions(2)
    try {
      read('{"password": hunter2}')
    } catch (error) {
      expect(String(error)).not.toContain('hunter2')
      expect(error).not.toHaveProperty('cause')
    }
  })

  it('takes a message of the longest size, and none that is a byte longer', () => {
    const ofLength = (length: number) => `{"a":"${'x'.repeat(length - 8)}"}`
    expect(read(ofLength(maxBytes))).toHaveLength(1)
    const limit = expect.objectContaining({ code: 'limit' })
    expect(() => read(ofLength(maxBytes + 1))).toThrow(limit)
    expect(() => read(...ofLength(maxBytes + 1))).toThrow(limit)
  })

  it('counts each message alone', () => {
    expect(read(`{"a":"${'x'.repeat(900)}"}`.repeat(5))).toHaveLength(5)
  })

  it('refuses an object without end as soon as it is too long', () => {
    const objects = jsonObjects({ maxBytes })
    const feed = () => {
      for (let sent = 0; sent <= 2 * maxBytes; sent += 100) [...objects.push(bytes('{"a":'.repeat(20)))]
    }
    expect(feed).toThrow(expect.objectContaining({ code: 'limit' }))
  })

  it('refuses one that is nested deeper than QEMU nests', () => {
    const nested = (depth: number) => `${'{"a":'.repeat(depth - 1)}{}${'}'.repeat(depth - 1)}`
    const deep = jsonObjects({ maxBytes: 1e6 })
    expect([...deep.push(bytes(nested(1024)))]).toHaveLength(1)
    expect(() => [...deep.push(bytes(nested(1025)))]).toThrow(expect.objectContaining({ code: 'limit' }))
  })

  it('forgets an unfinished object when it is reset', () => {
    const objects = jsonObjects({ maxBytes })
    expect([...objects.push(bytes('{"a":"\\'))]).toEqual([])
    objects.reset()
    expect([...objects.push(bytes('{"b":2}'))]).toEqual([{ b: 2 }])
  })

  it('keeps no message when the caller uses its chunk again', () => {
    const objects = jsonObjects({ maxBytes })
    const chunk = bytes('{"a":')
    expect([...objects.push(chunk)]).toEqual([])
    chunk.fill(0)
    expect([...objects.push(bytes('7}'))]).toEqual([{ a: 7 }])
  })
})
