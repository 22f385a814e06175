import { describe, expect, it } from 'vitest'
import { connectNbd, type NbdClient, type NbdErrorCode } from '../src/index.js'
import { joined } from '../src/wire/bytes.js'
import { chunkType } from '../src/wire/constants.js'
import {
  encodeBlockStatus,
  encodeChunk,
  encodeDataOffset,
  encodeError,
  encodeHole,
  encodeSimpleReply,
} from '../src/wire/replies.js'
import type { RequestHeader } from '../src/wire/requests.js'
import { rejection } from './support/failures.js'
import { data, replying } from './support/replying.js'
import { toArray } from './support/to-array.js'

const hole = (cookie: bigint, offset: number, length: number, isLast: boolean) =>
  encodeChunk({ cookie, type: chunkType.offsetHole, isLast }, encodeHole(offset, length))
const none = (cookie: bigint, isLast = true) => encodeChunk({ cookie, type: chunkType.none, isLast }, new Uint8Array(0))
const open = { metaContexts: ['base:allocation'] }

describe('replies to reads', () => {
  it('takes chunks in any order, and zeros where holes are', async () => {
    await using server = await replying(({ cookie }, talk) => {
      talk.send(data(cookie, 300, 100, false, 3), hole(cookie, 100, 150, false))
      talk.send(data(cookie, 250, 50, false, 2), data(cookie, 0, 100, false, 1), none(cookie))
    })
    await using client = await connectNbd(server.address)
    const into = new Uint8Array(400).fill(255)
    await client.read(0, into)
    const expected = [1, 0, 2, 3].flatMap((value, index) =>
      Array.from({ length: [100, 150, 50, 100][index] ?? 0 }, () => value),
    )
    expect([...into]).toEqual(expected)
  })

  type Chunks = (cookie: bigint) => readonly Uint8Array[]
  const breaches: readonly (readonly [string, Chunks, NbdErrorCode])[] = [
    ['leave out the end', (cookie) => [data(cookie, 1000, 99, true)], 'protocol'],
    ['leave out the middle', (cookie) => [data(cookie, 1000, 40, false), data(cookie, 1060, 40, true)], 'protocol'],
    ['leave out everything', (cookie) => [none(cookie)], 'protocol'],
    ['overlap', (cookie) => [data(cookie, 1000, 60, false), hole(cookie, 1059, 41, true)], 'protocol'],
    ['come twice', (cookie) => [data(cookie, 1000, 100, false), data(cookie, 1000, 100, true)], 'protocol'],
    ['begin too early', (cookie) => [data(cookie, 999, 100, true)], 'protocol'],
    ['end too late', (cookie) => [data(cookie, 1000, 101, true)], 'protocol'],
    ['have a hole that ends too late', (cookie) => [hole(cookie, 1000, 0xffff_ffff, true)], 'protocol'],
    ['have a hole without length', (cookie) => [hole(cookie, 1000, 0, true)], 'protocol'],
    ['have no data', (cookie) => [data(cookie, 1000, 0, false), data(cookie, 1000, 100, true)], 'protocol'],
    [
      'are of no known type',
      (cookie) => [encodeChunk({ cookie, type: 77, isLast: true }, new Uint8Array(0))],
      'protocol',
    ],
    ['are empty and not the last', (cookie) => [none(cookie, false)], 'protocol'],
    ['are a block status', (cookie) => [status(cookie, [{ length: 100, flags: 0 }])], 'protocol'],
    ['are a simple reply', (cookie) => [encodeSimpleReply(cookie), new Uint8Array(100)], 'protocol'],
    [
      'follow an answer to nothing',
      (cookie) => [encodeSimpleReply(cookie + 1n), data(cookie, 1000, 100, true)],
      'protocol',
    ],
    ['are for a request that was not sent', (cookie) => [data(cookie + 1n, 1000, 100, true)], 'protocol'],
    [
      'claim a long error',
      (cookie) => [encodeChunk({ cookie, type: 0x8001, isLast: true }, new Uint8Array(9000))],
      'protocol',
    ],
    [
      'have an error of 0',
      (cookie) => [encodeChunk({ cookie, type: 0x8001, isLast: true }, new Uint8Array(6))],
      'protocol',
    ],
    [
      'have an error elsewhere',
      (cookie) => [
        encodeChunk({ cookie, type: 0x8002, isLast: true }, joined(encodeError('EIO'), encodeDataOffset(5000))),
      ],
      'protocol',
    ],
    ['have a wrong magic number', () => [new Uint8Array(20)], 'protocol'],
  ]
  it.each(breaches)('ends the connection when chunks %s', async (_name, chunks, code) => {
    await using server = await replying(({ cookie }, talk) => talk.send(...chunks(cookie)))
    await using client = await connectNbd(server.address)
    await rejection(client.read(1000, new Uint8Array(100)), code)
    expect((await client.closed)?.code).toBe(code)
    await rejection(client.read(0, new Uint8Array(1)), code)
  })

  it('ends the connection when a request is answered twice', async () => {
    await using server = await replying(({ cookie }, talk) =>
      talk.send(data(cookie, 1000, 100, true), data(cookie, 1000, 100, true)),
    )
    await using client = await connectNbd(server.address)
    await client.read(1000, new Uint8Array(100))
    expect((await client.closed)?.code).toBe('protocol')
  })

  it('refuses chunks that were not agreed on, and a simple reply that is too short never counts', async () => {
    await using chunky = await replying(({ cookie }, talk) => talk.send(data(cookie, 0, 8, true)), {
      structured: false,
    })
    await using first = await connectNbd(chunky.address)
    await rejection(first.read(0, new Uint8Array(8)), 'protocol')
    await using short = await replying(
      ({ cookie }, talk) => {
        talk.send(encodeSimpleReply(cookie), new Uint8Array(7))
        setTimeout(talk.hangUp, 20)
      },
      { structured: false },
    )
    await using second = await connectNbd(short.address)
    await rejection(second.read(0, new Uint8Array(8)), 'closed')
  })

  it('reads simple replies in any order', async () => {
    const waiting: RequestHeader[] = []
    await using server = await replying(
      (request, talk) => {
        waiting.unshift(request)
        if (waiting.length === 3)
          for (const { cookie, offset, lengthBytes } of waiting)
            talk.send(encodeSimpleReply(cookie), new Uint8Array(lengthBytes).fill(offset / 100))
      },
      { structured: false },
    )
    await using client = await connectNbd(server.address)
    const buffers = [100, 200, 300].map((offset) => ({ offset, into: new Uint8Array(offset) }))
    await Promise.all(buffers.map(({ offset, into }) => client.read(offset, into)))
    for (const { offset, into } of buffers) expect(into.every((byte) => byte === offset / 100)).toBe(true)
  })

  it('tells the errno and the place of an error, once all chunks came, and goes on', async () => {
    await using server = await replying(({ cookie, offset }, talk) => {
      if (offset === 0) return talk.send(data(cookie, 0, 10, true))
      talk.send(data(cookie, offset, 5, false))
      const payload = joined(encodeError('ENOSPC'), encodeDataOffset(offset + 5))
      talk.send(encodeChunk({ cookie, type: chunkType.errorOffset, isLast: false }, payload), none(cookie))
    })
    await using client = await connectNbd(server.address)
    const told = await rejection(client.read(100, new Uint8Array(10)), 'io')
    expect(told).toMatchObject({ errno: 'ENOSPC', offset: 105 })
    await client.read(0, new Uint8Array(10))
  })

  it('shows nothing of a message that could move a cursor', async () => {
    await using server = await replying(({ cookie }, talk) => {
      const message = new TextEncoder().encode('bad\u001b[2J\nthing')
      const payload = joined(Uint8Array.from([0, 0, 0, 5, 0, message.length]), message)
      talk.send(encodeChunk({ cookie, type: chunkType.error, isLast: true }, payload))
    })
    await using client = await connectNbd(server.address)
    const { message } = await rejection(client.read(0, new Uint8Array(4)), 'io')
    expect(message).toBe('The server answered EIO: bad [2J thing.')
  })
})

const status = (cookie: bigint, extents: readonly { length: number; flags: number }[], isLast = true, id = 7) =>
  encodeChunk({ cookie, type: chunkType.blockStatus, isLast }, encodeBlockStatus(id, extents))
const allocation = (client: NbdClient, offset: number, length: number) =>
  toArray(client.blockStatus('base:allocation', offset, length))

describe('replies to block status', () => {
  it('asks again until the range is covered, joins neighbours and cuts what reaches too far', async () => {
    const asked: number[] = []
    await using server = await replying(({ cookie, offset, lengthBytes }, talk) => {
      asked.push(offset, lengthBytes)
      if (offset === 100)
        talk.send(
          status(cookie, [
            { length: 50, flags: 1 },
            { length: 50, flags: 0 },
          ]),
        )
      else if (offset === 200) talk.send(status(cookie, [{ length: 10, flags: 0 }]))
      else
        talk.send(
          status(cookie, [
            { length: 5, flags: 2 },
            { length: 9999, flags: 3 },
            { length: 1, flags: 4 },
          ]),
        )
    })
    await using client = await connectNbd(server.address, open)
    expect(await allocation(client, 100, 200)).toEqual([
      { offset: 100, length: 50, flags: 1 },
      { offset: 150, length: 60, flags: 0 },
      { offset: 210, length: 5, flags: 2 },
      { offset: 215, length: 85, flags: 3 },
    ])
    expect(asked).toEqual([100, 200, 200, 100, 210, 90])
  })

  type Chunks = (cookie: bigint) => readonly Uint8Array[]
  const breaches: readonly (readonly [string, Chunks])[] = [
    [
      'an extent without length',
      (cookie) => [
        status(cookie, [
          { length: 10, flags: 0 },
          { length: 0, flags: 0 },
        ]),
      ],
    ],
    ['no extents', (cookie) => [status(cookie, [])]],
    ['another context only', (cookie) => [status(cookie, [{ length: 100, flags: 0 }], true, 8)]],
    [
      'a context twice',
      (cookie) => [status(cookie, [{ length: 9, flags: 0 }], false), status(cookie, [{ length: 9, flags: 0 }])],
    ],
    ['nothing', (cookie) => [none(cookie)]],
    ['a simple success', (cookie) => [encodeSimpleReply(cookie)]],
    [
      'a length that is no multiple',
      (cookie) => [encodeChunk({ cookie, type: 5, isLast: true }, new Uint8Array(17).fill(1))],
    ],
  ]
  it.each(breaches)('refuses %s', async (_name, chunks) => {
    await using server = await replying(({ cookie }, talk) => talk.send(...chunks(cookie)))
    await using client = await connectNbd(server.address, open)
    await rejection(allocation(client, 0, 100), 'protocol')
  })

  it('refuses a claim of more extents than are taken, before they come', async () => {
    await using server = await replying(({ cookie }, talk) => {
      const header = encodeChunk({ cookie, type: 5, isLast: true }, new Uint8Array(0))
      header.set([0x7f, 0xff, 0xff, 0xfc], 16)
      talk.send(header)
    })
    await using client = await connectNbd(server.address, open)
    await rejection(allocation(client, 0, 100), 'limit')
  })

  it('tells of a context that was not granted', async () => {
    await using server = await replying(() => {}, {})
    await using client = await connectNbd(server.address, open)
    expect(client.contexts).toEqual([])
    await rejection(allocation(client, 0, 100), 'unsupported')
  })
})
