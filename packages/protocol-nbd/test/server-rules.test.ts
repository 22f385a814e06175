import { describe, expect, it } from 'vitest'
import { connectNbd, type NbdExport } from '../src/index.js'
import { memoryExport } from '../src/testing/index.js'
import { command, commandFlag, option, optionReply } from '../src/wire/constants.js'
import { errnoValues } from '../src/wire/errno.js'
import { encodeClientFlags, encodeOption } from '../src/wire/handshake.js'
import { encodeContextRequest, encodeInfoRequest } from '../src/wire/option-payloads.js'
import { encodeRequest, type RequestHeader } from '../src/wire/requests.js'
import { greeted, opened, optionAnswer, rawClient } from './support/raw-client.js'
import { serving, until } from './support/serving.js'
import { pattern } from './support/to-array.js'

const size = 100_000
const text = (value: string) => new TextEncoder().encode(value)

function request(fields: Partial<RequestHeader>): Uint8Array {
  return encodeRequest({ flags: 0, command: command.read, cookie: 5n, offset: 0, lengthBytes: 8, ...fields })
}

describe('negotiation of the server', () => {
  it('serves the oldest clients by name, with zeros unless they waive them', async () => {
    const disk = memoryExport(size, { name: 'old' })
    disk.bytes.set(pattern(size))
    await using it = await serving({ exports: [disk] })
    for (const [flags, length] of [
      [0, 134],
      [1, 134],
      [3, 10],
    ] as const) {
      await using client = await rawClient(it.socket)
      await client.read(18)
      client.send(encodeClientFlags(flags), encodeOption(option.exportName, text('old')))
      const answer = await client.read(length)
      expect(Buffer.from(answer?.subarray(0, 8) ?? []).readBigUInt64BE()).toBe(BigInt(size))
      client.send(request({ offset: 100 }))
      const reply = await client.read(24)
      expect([...(reply?.subarray(16) ?? [])]).toEqual([...disk.bytes.subarray(100, 108)])
    }
    await using stranger = await greeted(it.socket)
    stranger.send(encodeOption(option.exportName, text('other')))
    expect(await stranger.isHungUp()).toBe(true)
  })

  it('answers every option by the rules', async () => {
    await using it = await serving({ exports: [memoryExport(size)] })
    await using client = await greeted(it.socket)
    const ask = async (code: number, payload?: Uint8Array) => {
      client.send(encodeOption(code, payload))
      return (await optionAnswer(client))?.type
    }
    expect(await ask(11)).toBe(optionReply.unsupported)
    expect(await ask(option.startTls)).toBe(optionReply.unsupported)
    expect(await ask(option.setMetaContext, encodeContextRequest({ exportName: '', queries: [] }))).toBe(
      optionReply.invalid,
    )
    expect(await ask(option.structuredReply, text('x'))).toBe(optionReply.invalid)
    expect(await ask(option.structuredReply)).toBe(optionReply.ack)
    expect(await ask(option.list, text('x'))).toBe(optionReply.invalid)
    expect(await ask(option.info, text('xyz'))).toBe(optionReply.invalid)
    expect(await ask(option.go, encodeInfoRequest({ name: 'other', wishes: [] }))).toBe(optionReply.unknown)
    expect(await ask(option.listMetaContext, encodeContextRequest({ exportName: 'other', queries: [] }))).toBe(
      optionReply.unknown,
    )
    expect(await ask(option.listMetaContext, Uint8Array.from([0, 0, 0, 0, 255, 255, 255, 255]))).toBe(
      optionReply.invalid,
    )
    expect(await ask(option.abort)).toBe(optionReply.ack)
    expect(await client.isHungUp()).toBe(true)
  })

  it('hangs up on unknown flags, options without magic number, endless and absurd options', async () => {
    await using it = await serving({ exports: [memoryExport(size)] })
    const absurd = encodeOption(option.go)
    absurd.set([0xff, 0xff, 0xff, 0xff], 12)
    const breaches: readonly (readonly Uint8Array[])[] = [
      [encodeClientFlags(0x8000_0003)],
      [encodeClientFlags(3), new Uint8Array(16)],
      [encodeClientFlags(3), absurd],
      [encodeClientFlags(3), ...Array.from({ length: 400 }, () => encodeOption(99))],
    ]
    for (const pieces of breaches) {
      await using client = await rawClient(it.socket)
      client.send(...pieces)
      expect(await client.isHungUp()).toBe(true)
    }
    expect(it.complaints.map(({ code }) => code)).toEqual(['protocol', 'protocol', 'protocol', 'protocol'])
  })

  it('hangs up on who does not finish the negotiation in time', async () => {
    await using it = await serving({ exports: [memoryExport(size)], handshakeTimeoutMs: 500 })
    await using silent = await rawClient(it.socket)
    await using slow = await greeted(it.socket)
    slow.send(encodeOption(option.go).subarray(0, 10))
    await using patient = await opened(it.socket, true)
    expect(await silent.isHungUp()).toBe(true)
    expect(await slow.isHungUp()).toBe(true)
    expect(patient.socket.destroyed).toBe(false)
    await until(() => it.server.connections().length === 1)
  })

  it('tells nothing without the TLS that it demands', async () => {
    await using it = await serving({ exports: [memoryExport(size)], tls: { psk: () => undefined } })
    await using client = await greeted(it.socket)
    const payload = encodeInfoRequest({ name: '', wishes: [] })
    for (const code of [option.list, option.structuredReply, option.info, option.go, option.listMetaContext, 99]) {
      client.send(encodeOption(code, payload))
      expect(await optionAnswer(client)).toEqual({ type: optionReply.tlsRequired, payload: new Uint8Array(0) })
    }
    client.send(encodeOption(option.exportName))
    expect(await client.isHungUp()).toBe(true)
  })

  it('forgets contexts that were chosen for another export', async () => {
    const exports = [memoryExport(size, { name: 'a' }), memoryExport(size, { name: 'b' })]
    await using it = await serving({ exports })
    for (const [name, errno] of [
      ['a', 0],
      ['b', errnoValues.EINVAL],
    ] as const) {
      await using client = await greeted(it.socket)
      client.send(
        encodeOption(option.structuredReply),
        encodeOption(option.setMetaContext, encodeContextRequest({ exportName: 'a', queries: ['base:allocation'] })),
        encodeOption(option.go, encodeInfoRequest({ name, wishes: [] })),
      )
      const types: (number | undefined)[] = []
      while (types.filter((type) => type === optionReply.ack).length < 3) types.push((await optionAnswer(client))?.type)
      client.send(request({ command: command.blockStatus }))
      const chunk = await client.read(24)
      const type = Buffer.from(chunk ?? []).readUInt16BE(6)
      expect(type).toBe(errno === 0 ? 5 : 0x8001)
      if (errno !== 0) expect(Buffer.from(chunk ?? []).readUInt32BE(20)).toBe(errno)
    }
  })
})

describe('requests to the server', () => {
  const { EINVAL, ENOSPC, EPERM } = errnoValues
  const cases: readonly (readonly [string, Partial<RequestHeader>, number])[] = [
    ['a read past the end', { offset: size - 4 }, EINVAL],
    ['a read far past the end', { offset: Number.MAX_SAFE_INTEGER }, EINVAL],
    ['a read longer than was agreed', { lengthBytes: 60_000 }, EINVAL],
    ['a read with unknown flags', { flags: 0x80 }, EINVAL],
    ['a write past the end', { command: command.write, offset: size - 4 }, ENOSPC],
    ['zeros past the end', { command: command.writeZeroes, offset: size - 4 }, ENOSPC],
    ['a trim past the end', { command: command.trim, offset: size - 4 }, EINVAL],
    ['a fast zero where there is none', { command: command.writeZeroes, flags: commandFlag.fastZero }, EINVAL],
    ['an unknown command', { command: 5, lengthBytes: 0 }, EINVAL],
    ['a block status without contexts', { command: command.blockStatus }, EINVAL],
    ['a flush with a length', { command: command.flush, lengthBytes: 1 }, EINVAL],
  ]
  it.each(cases)('refuse %s, and stay in step', async (_name, fields, errno) => {
    await using it = await serving({ exports: [memoryExport(size)], maxRequestBytes: 50_000 })
    await using client = await opened(it.socket, false)
    const payload = fields.command === command.write ? [new Uint8Array(8)] : []
    client.send(request(fields), ...payload, request({ cookie: 6n }))
    const refused = Buffer.from((await client.read(16)) ?? [])
    expect([refused.readUInt32BE(4), refused.readBigUInt64BE(8)]).toEqual([errno, 5n])
    const next = Buffer.from((await client.read(24)) ?? [])
    expect([next.readUInt32BE(4), next.readBigUInt64BE(8)]).toEqual([0, 6n])
  })

  it('refuse every change of a read-only export', async () => {
    await using it = await serving({ exports: [memoryExport(size, { readOnly: true })] })
    await using client = await opened(it.socket, true)
    for (const code of [command.write, command.trim, command.writeZeroes]) {
      client.send(request({ command: code }))
      if (code === command.write) client.send(new Uint8Array(8))
      expect(Buffer.from((await client.read(16)) ?? []).readUInt32BE(4)).toBe(EPERM)
    }
  })

  it('come in one piece when they are told so', async () => {
    const disk = memoryExport(size)
    disk.bytes.set(pattern(8), 4096)
    await using it = await serving({ exports: [disk] })
    await using client = await opened(it.socket, true)
    client.send(request({ flags: commandFlag.dontFragment, lengthBytes: 20_000 }))
    const head = Buffer.from((await client.read(28)) ?? [])
    expect([head.readUInt16BE(4), head.readUInt16BE(6), head.readUInt32BE(16)]).toEqual([1, 1, 20_008])
  })

  it('get one extent when they ask for one', async () => {
    const blockStatus: NbdExport['blockStatus'] = async () => [
      { length: 10, flags: 0 },
      { length: 10, flags: 1 },
    ]
    await using it = await serving({ exports: [memoryExport(size, { blockStatus })] })
    await using client = await greeted(it.socket)
    client.send(
      encodeOption(option.structuredReply),
      encodeOption(option.setMetaContext, encodeContextRequest({ exportName: '', queries: ['base:allocation'] })),
      encodeOption(option.go, encodeInfoRequest({ name: '', wishes: [] })),
    )
    for (let acks = 0; acks < 3; ) if ((await optionAnswer(client))?.type === optionReply.ack) acks++
    for (const [flags, length] of [
      [0, 20],
      [commandFlag.requestOne, 12],
    ] as const) {
      client.send(request({ command: command.blockStatus, flags, lengthBytes: 500 }))
      const head = Buffer.from((await client.read(20)) ?? [])
      expect(head.readUInt32BE(16)).toBe(length)
      await client.read(length)
    }
  })

  it('are held back while a client does not read its replies, within bounds and without harm to others', async () => {
    const disk = memoryExport(2 ** 20, { blockStatus: async (_offset, length) => [{ length, flags: 0 }] })
    await using it = await serving({ exports: [disk], maxInFlightBytes: 4 * 2 ** 20, maxInFlightRequests: 1000 })
    await using flooder = await opened(it.socket, false)
    for (let count = 0; count < 100; count++) flooder.send(request({ lengthBytes: 2 ** 20 }))
    await new Promise((resolve) => setTimeout(resolve, 300))
    const reads = disk.calls.filter(({ method }) => method === 'read').length
    expect(reads).toBeGreaterThan(0)
    expect(reads).toBeLessThan(10)
    await using other = await connectNbd(it.address)
    await other.read(0, new Uint8Array(2 ** 20))
    let seen = 0
    flooder.socket.on('data', (bytes: Uint8Array) => {
      seen += bytes.length
    })
    await until(() => seen === 100 * (16 + 2 ** 20))
  })

  it('stay with the client, data and all, while there is no room for them', async () => {
    const release = Promise.withResolvers<void>()
    const disk = memoryExport(size)
    const write: NbdExport['write'] = async (...args) => {
      await release.promise
      await disk.write?.(...args)
    }
    await using it = await serving({ exports: [{ ...disk, write }], maxInFlightRequests: 2 })
    await using client = await opened(it.socket, false)
    const whole = Buffer.concat([request({ command: command.write, lengthBytes: size }), new Uint8Array(size)])
    const writes = 200
    let sent = 0
    const sendAll = (async () => {
      for (; sent < writes; sent++) await new Promise((resolve) => client.socket.write(whole, resolve))
    })()
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(sent).toBeLessThan(20)
    release.resolve()
    await sendAll
    expect(await client.read(writes * 16)).toBeDefined()
    expect(disk.calls.length).toBe(writes)
  })

  it('without data are bounded in number', async () => {
    let running = 0
    let most = 0
    const flush = async () => {
      most = Math.max(most, ++running)
      await new Promise((resolve) => setTimeout(resolve, 5))
      running--
    }
    await using it = await serving({ exports: [memoryExport(size, { flush })], maxInFlightRequests: 7 })
    await using client = await opened(it.socket, false)
    for (let count = 0; count < 100; count++) client.send(request({ command: command.flush, lengthBytes: 0 }))
    expect(await client.read(1600)).toBeDefined()
    expect(most).toBe(7)
  })

  it('end the connection when they are out of step or too long', async () => {
    await using it = await serving({ exports: [memoryExport(size)], maxRequestBytes: 50_000 })
    for (const bytes of [new Uint8Array(28), request({ command: command.write, lengthBytes: 50_001 })]) {
      await using client = await opened(it.socket, true)
      client.send(bytes)
      expect(await client.isHungUp()).toBe(true)
    }
    await until(() => it.server.connections().length === 0)
  })

  it('that were sent before a farewell are carried out', async () => {
    const disk = memoryExport(size)
    await using it = await serving({ exports: [disk] })
    await using client = await opened(it.socket, true)
    client.send(
      request({ command: command.write, lengthBytes: 8 }),
      pattern(8),
      request({ command: command.disconnect }),
    )
    expect(await client.read(16)).toBeDefined()
    expect(await client.isHungUp()).toBe(true)
    expect([...disk.bytes.subarray(0, 8)]).toEqual([...pattern(8)])
  })
})
