import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connectNbd } from '../src/index.js'
import { memoryExport } from '../src/testing/index.js'
import { option } from '../src/wire/constants.js'
import { encodeClientFlags, encodeOption } from '../src/wire/handshake.js'
import { encodeContextRequest, encodeInfoRequest } from '../src/wire/option-payloads.js'
import { encodeRequest } from '../src/wire/requests.js'
import { opened, rawClient } from './support/raw-client.js'
import { type Serving, serving, until } from './support/serving.js'

const size = 50_000
let it_: Serving

beforeAll(async () => {
  it_ = await serving({ exports: [memoryExport(size)], handshakeTimeoutMs: 1000 })
})
afterAll(async () => {
  await it_[Symbol.asyncDispose]()
})

/** The server goes on, and holds nothing of who was there. */
async function expectHealthy(): Promise<void> {
  await until(() => it_.server.connections().length === 0)
  await using client = await connectNbd(it_.address)
  await client.read(0, new Uint8Array(size))
}

const goodTalk = Buffer.concat([
  encodeClientFlags(3),
  encodeOption(option.structuredReply),
  encodeOption(option.list),
  encodeOption(option.setMetaContext, encodeContextRequest({ exportName: '', queries: ['base:allocation'] })),
  encodeOption(option.go, encodeInfoRequest({ name: '', wishes: [3] })),
  encodeRequest({ flags: 0, command: 0, cookie: 1n, offset: 0, lengthBytes: 5000 }),
  encodeRequest({ flags: 0, command: 7, cookie: 2n, offset: 0, lengthBytes: 5000 }),
  encodeRequest({ flags: 0, command: 1, cookie: 3n, offset: 0, lengthBytes: 10 }),
  new Uint8Array(10),
  encodeRequest({ flags: 0, command: 3, cookie: 4n, offset: 0, lengthBytes: 0 }),
])

describe('the server survives', () => {
  it('a conversation that breaks off anywhere', async () => {
    for (let length = 0; length <= goodTalk.length; length += 3) {
      await using client = await rawClient(it_.socket)
      client.send(goodTalk.subarray(0, length))
      if (length % 2 === 0) client.socket.end()
      else client.socket.destroy()
    }
    await expectHealthy()
  })

  it('a conversation of which any bytes are changed', async () => {
    const changes = fc.array(fc.record({ at: fc.nat(goodTalk.length - 1), value: fc.nat(255) }), {
      minLength: 1,
      maxLength: 4,
    })
    await fc.assert(
      fc.asyncProperty(changes, async (all) => {
        const talk = Uint8Array.from(goodTalk)
        for (const { at, value } of all) talk[at] = value
        await using client = await rawClient(it_.socket)
        client.send(talk)
        client.socket.end()
        client.socket.resume()
      }),
      { numRuns: 150 },
    )
    await expectHealthy()
  })

  it('noise instead of a negotiation', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 3000 }), async (noise) => {
        await using client = await rawClient(it_.socket)
        client.send(noise)
        client.socket.end()
      }),
      { numRuns: 80 },
    )
    await expectHealthy()
  })

  it('any request, whatever its fields', async () => {
    const request = fc.record({
      flags: fc.oneof(fc.constantFrom(0, 1, 2, 4, 8, 16), fc.nat(0xffff)),
      command: fc.oneof(fc.nat(8), fc.nat(0xffff)),
      cookie: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      offset: fc.oneof(fc.nat(size), fc.maxSafeNat()),
      lengthBytes: fc.oneof(fc.nat(1000), fc.integer({ min: 0, max: 0xffff_ffff })),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(request, { minLength: 1, maxLength: 6 }), fc.boolean(), async (all, isStructured) => {
        await using client = await opened(it_.socket, isStructured)
        client.send(...all.map(encodeRequest))
        client.socket.end()
        client.socket.resume()
      }),
      { numRuns: 100 },
    )
    await expectHealthy()
    expect(it_.complaints.every(({ code }) => code === 'protocol' || code === 'timeout')).toBe(true)
  })
})
