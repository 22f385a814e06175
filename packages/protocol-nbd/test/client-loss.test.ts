import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { connectNbd } from '../src/index.js'
import { scriptedServer } from '../src/testing/index.js'
import { encodeSimpleReply } from '../src/wire/replies.js'
import { rejection } from './support/failures.js'
import { data, replying } from './support/replying.js'
import { nextRequest, openAnyExport } from './support/talk.js'

describe('a server that dies or sleeps', () => {
  it('rejects all that is in flight when the connection breaks, and says so', async () => {
    let count = 0
    await using server = await replying((_request, talk) => {
      if (++count === 5) talk.hangUp()
    })
    await using client = await connectNbd(server.address)
    const reads = Array.from({ length: 5 }, (_, index) => client.read(index, new Uint8Array(1)))
    for (const read of reads) await rejection(read, 'closed')
    expect((await client.closed)?.code).toBe('closed')
  })

  it('gives up after the time that was set, but not on an idle connection', async () => {
    await using server = await replying(() => {})
    await using client = await connectNbd(server.address, { timeoutMs: 300 })
    await sleep(500)
    const before = performance.now()
    await rejection(client.read(0, new Uint8Array(1)), 'timeout')
    expect(performance.now() - before).toBeLessThan(2000)
  })

  it('leaves the buffer of an aborted read alone, while the rest of the data still comes', async () => {
    const more = Promise.withResolvers<void>()
    await using server = await replying(async ({ cookie, offset, lengthBytes }, talk) => {
      const chunk = data(cookie, offset, lengthBytes, true)
      talk.send(chunk.subarray(0, 30_000))
      await more.promise
      talk.send(chunk.subarray(30_000))
    })
    await using client = await connectNbd(server.address)
    const abort = new AbortController()
    const into = new Uint8Array(60_000)
    const reading = client.read(0, into, { signal: abort.signal })
    reading.catch(() => {})
    while (into[20_000] === 0) await sleep(5)
    abort.abort(new Error('Enough.'))
    more.resolve()
    await expect(reading).rejects.toThrow('Enough.')
    into.fill(1)
    const next = new Uint8Array(100)
    await client.read(500, next)
    expect(next.every((byte) => byte === 7)).toBe(true)
    expect(into.every((byte) => byte === 1)).toBe(true)
  })

  it('gives a connection up that is stuck inside of an aborted read', async () => {
    await using server = await replying(({ cookie, offset, lengthBytes }, talk) => {
      talk.send(data(cookie, offset, lengthBytes, true).subarray(0, 30_000))
    })
    await using client = await connectNbd(server.address)
    const abort = new AbortController()
    const into = new Uint8Array(60_000)
    const reading = client.read(0, into, { signal: abort.signal })
    reading.catch(() => {})
    while (into[20_000] === 0) await sleep(5)
    abort.abort(new Error('Enough.'))
    await expect(reading).rejects.toThrow('Enough.')
    expect((await client.closed)?.code).toBe('closed')
  })

  it('rejects an aborted request at once when nothing of it is under way', async () => {
    await using server = await replying(() => {})
    await using client = await connectNbd(server.address, { windowSize: 1 })
    const abort = new AbortController()
    const both = [0, 1].map((offset) => client.read(offset, new Uint8Array(1), { signal: abort.signal }))
    setTimeout(() => abort.abort(new Error('Enough.')), 20)
    for (const read of both) await expect(read).rejects.toThrow('Enough.')
  })
})

describe('a server that answers a write before it has it', () => {
  const lengthBytes = 2 ** 24

  /** Answers at once, takes the data when it may, and ends with what it took. */
  async function hasty() {
    const mayTake = Promise.withResolvers<void>()
    const taken = Promise.withResolvers<Uint8Array>()
    const server = await scriptedServer(async (talk) => {
      await openAnyExport(talk, { sizeBytes: lengthBytes })
      const { cookie } = await nextRequest(talk)
      talk.send(encodeSimpleReply(cookie))
      await mayTake.promise
      taken.resolve(await talk.expect(lengthBytes))
    })
    return { server, take: mayTake.resolve, taken: taken.promise }
  }

  it('is believed when the data is gone, so that it is what was written', async () => {
    const { server, take, taken } = await hasty()
    await using _server = server
    await using client = await connectNbd(server.address, { requestBytes: lengthBytes })
    const bytes = new Uint8Array(lengthBytes).fill(5)
    let isSettled = false
    const writing = client.write(0, bytes).then(() => {
      isSettled = true
      bytes.fill(0)
    })
    await sleep(100)
    expect(isSettled).toBe(false)
    take()
    await writing
    expect((await taken).every((byte) => byte === 5)).toBe(true)
  })

  it('may not answer it again', async () => {
    await using server = await scriptedServer(async (talk) => {
      await openAnyExport(talk, { sizeBytes: lengthBytes })
      const { cookie } = await nextRequest(talk)
      talk.send(encodeSimpleReply(cookie), encodeSimpleReply(cookie))
      await talk.expect(lengthBytes)
    })
    await using client = await connectNbd(server.address, { requestBytes: lengthBytes })
    await rejection(client.write(0, new Uint8Array(lengthBytes)), 'protocol')
  })

  it('does not leave the write hanging when it dies', async () => {
    const { server } = await hasty()
    await using client = await connectNbd(server.address, { requestBytes: lengthBytes })
    const writing = client.write(0, new Uint8Array(lengthBytes))
    writing.catch(() => {})
    await sleep(100)
    await server[Symbol.asyncDispose]()
    await rejection(writing, 'closed')
  })
})
