import { describe, expect, it } from 'vitest'
import { connectNbd, listNbdContexts, listNbdExports } from '../src/index.js'
import { type ScriptedTalk, scriptedServer } from '../src/testing/index.js'
import { option, optionReply } from '../src/wire/constants.js'
import {
  decodeOptionHeader,
  encodeExportSummary,
  encodeGreeting,
  encodeOptionReply,
  optionHeaderBytes,
} from '../src/wire/handshake.js'
import { encodeInfo, encodeListedExport } from '../src/wire/option-payloads.js'
import { rejection } from './support/failures.js'
import { openAnyExport } from './support/talk.js'

const summary = { sizeBytes: 4096, flags: 1 }

async function nextOption(talk: ScriptedTalk): Promise<number> {
  const header = decodeOptionHeader(await talk.expect(optionHeaderBytes))
  await talk.expect(header.lengthBytes)
  return header.option
}

/** A server that answers every option with the same replies. */
async function answering(...replies: readonly (readonly [type: number, payload?: Uint8Array])[]) {
  return await scriptedServer(async (talk) => {
    talk.send(encodeGreeting(3))
    await talk.expect(4)
    for (;;) {
      const code = await nextOption(talk)
      for (const [type, payload] of replies) talk.send(encodeOptionReply(code, type, payload))
    }
  })
}

describe('negotiation of the client', () => {
  it('opens an export of a server that knows NBD_OPT_EXPORT_NAME only, with and without its zeros', async () => {
    for (const flags of [0, 1, 3]) {
      await using server = await scriptedServer(async (talk) => {
        talk.send(encodeGreeting(flags))
        expect([...(await talk.expect(4))]).toEqual([0, 0, 0, flags])
        for (;;) {
          const code = await nextOption(talk)
          if (code === option.exportName) break
          talk.send(encodeOptionReply(code, optionReply.unsupported))
        }
        talk.send(encodeExportSummary(summary, flags < 2))
        await talk.expect(28)
      })
      await using client = await connectNbd(server.address)
      expect(client.sizeBytes).toBe(4096)
      expect(client.blockSizes).toEqual({ minimum: 1, preferred: 4096, maximum: 32 * 2 ** 20 })
    }
  })

  it('asks a server without structured replies for no contexts', async () => {
    const seen: number[] = []
    await using server = await scriptedServer(async (talk) => {
      talk.send(encodeGreeting(3))
      await talk.expect(4)
      for (;;) {
        const code = await nextOption(talk)
        seen.push(code)
        talk.send(encodeOptionReply(code, code === option.abort ? optionReply.ack : optionReply.invalid))
      }
    })
    expect(await listNbdContexts(server.address)).toEqual([])
    expect(seen).toEqual([option.structuredReply, option.abort])
  })

  it('calls an export unknown when an old server hangs up on its name', async () => {
    await using server = await scriptedServer(async (talk) => {
      talk.send(encodeGreeting(0))
      await talk.expect(4 + 16)
      talk.hangUp()
    })
    await rejection(connectNbd(server.address, { exportName: 'x' }), 'unknown-export')
  })

  it.each([
    ['no NBD at all', new TextEncoder().encode('HTTP/1.1 400 Bad Request\r\n')],
    [
      'the oldstyle',
      Uint8Array.from([...new TextEncoder().encode('NBDMAGIC'), 0, 0, 0x42, 2, 0x81, 0x86, 0x12, 0x53, 0, 0]),
    ],
  ])('refuses a server that speaks %s', async (_name, greeting) => {
    await using server = await scriptedServer(async (talk) => {
      talk.send(greeting)
      await talk.expect(100)
    })
    await rejection(connectNbd(server.address), 'protocol')
  })

  it.each([
    [optionReply.unknown, 'unknown-export'],
    [optionReply.policy, 'refused'],
    [optionReply.shutdown, 'refused'],
    [optionReply.tlsRequired, 'tls-required'],
  ] as const)('tells refusal %i as %s, whatever message comes with it', async (type, code) => {
    await using server = await answering([type, new Uint8Array(50_000)])
    await rejection(connectNbd(server.address), code)
  })

  it('refuses a server that has no TLS where TLS is demanded, and never sends it the name of the export', async () => {
    const seen: number[] = []
    await using server = await scriptedServer(async (talk) => {
      talk.send(encodeGreeting(3))
      await talk.expect(4)
      const code = await nextOption(talk)
      seen.push(code)
      talk.send(encodeOptionReply(code, optionReply.unsupported))
      seen.push(await nextOption(talk))
    })
    await rejection(connectNbd(server.address, { tls: {} }), 'tls-unavailable')
    expect(seen).toEqual([option.startTls])
  })

  it('goes on without TLS only when it is told that it may', async () => {
    await using server = await scriptedServer((talk) => openAnyExport(talk))
    await using client = await connectNbd(server.address, { tls: {}, requireTls: false })
    expect(client.sizeBytes).toBe(65_536)
  })

  it('refuses bytes that were slipped in before the TLS handshake', async () => {
    await using server = await scriptedServer(async (talk) => {
      talk.send(encodeGreeting(3))
      await talk.expect(4)
      const ack = encodeOptionReply(await nextOption(talk), optionReply.ack)
      talk.send(Uint8Array.from([...ack, ...encodeOptionReply(option.structuredReply, optionReply.ack)]))
      await talk.expect(1000)
    })
    await rejection(connectNbd(server.address, { tls: {} }), 'protocol')
  })

  it.each([
    ['an answer to another option', encodeOptionReply(99, optionReply.ack), 'protocol'],
    [
      'an acknowledgement with a payload',
      encodeOptionReply(option.structuredReply, optionReply.ack, new Uint8Array(1)),
      'protocol',
    ],
    ['a reply that does not fit', encodeOptionReply(option.structuredReply, optionReply.server), 'protocol'],
    ['a wrong magic number', new Uint8Array(20), 'protocol'],
    ['a reply of 60 kB', encodeOptionReply(option.structuredReply, optionReply.info, new Uint8Array(60_000)), 'limit'],
  ] as const)('refuses %s', async (_name, bytes, code) => {
    await using server = await scriptedServer(async (talk) => {
      talk.send(encodeGreeting(3))
      await talk.expect(4)
      await nextOption(talk)
      talk.send(bytes)
      await talk.expect(1000)
    })
    await rejection(connectNbd(server.address), code)
  })

  it('refuses an export without a size, and block sizes that break the rules', async () => {
    const sizes = (minimum: number, preferred: number, maximum: number) =>
      encodeInfo({ kind: 'block-size', minimum, preferred, maximum })
    const exportInfo = encodeInfo({ kind: 'export', ...summary })
    for (const infos of [
      [],
      [exportInfo, sizes(3, 4096, 2 ** 20)],
      [exportInfo, sizes(512, 256, 2 ** 20)],
      [exportInfo, sizes(4096, 4096, 100)],
      [exportInfo, sizes(512, 4096, 5000)],
      [exportInfo, sizes(0, 0, 0)],
      [exportInfo.subarray(0, 5)],
    ]) {
      await using server = await scriptedServer(async (talk) => {
        talk.send(encodeGreeting(3))
        await talk.expect(4)
        talk.send(encodeOptionReply(await nextOption(talk), optionReply.ack))
        const code = await nextOption(talk)
        for (const info of infos) talk.send(encodeOptionReply(code, optionReply.info, info))
        talk.send(encodeOptionReply(code, optionReply.ack))
        await talk.expect(1000)
      })
      await rejection(connectNbd(server.address), 'protocol')
    }
  })

  it('ends a list that does not end', async () => {
    const entry = encodeListedExport({ name: 'n'.repeat(4000), description: 'd'.repeat(4000) })
    await using server = await scriptedServer(async (talk) => {
      talk.send(encodeGreeting(3))
      await talk.expect(4)
      const code = await nextOption(talk)
      for (let count = 0; count < 1200; count++) talk.send(encodeOptionReply(code, optionReply.server, entry))
      await talk.expect(1000)
    })
    await rejection(listNbdExports(server.address), 'limit')
  })

  it('ends a negotiation that does not go on', async () => {
    await using server = await scriptedServer(async (talk) => {
      await talk.expect(1)
    })
    await rejection(connectNbd(server.address, { timeoutMs: 100 }), 'timeout')
    await rejection(listNbdContexts(server.address, { timeoutMs: 100 }), 'timeout')
  })

  it('can be aborted at any time, with the reason', async () => {
    await using server = await scriptedServer(async (talk) => {
      await talk.expect(1)
    })
    const reason = new Error('Enough.')
    await expect(connectNbd(server.address, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    const abort = new AbortController()
    const connecting = connectNbd(server.address, { signal: abort.signal })
    setTimeout(() => abort.abort(reason), 30)
    await expect(connecting).rejects.toBe(reason)
  })

  it('tells when nobody listens, and when the server hangs up', async () => {
    await rejection(connectNbd({ path: '/nonexistent/socket' }), 'refused')
    await using mute = await scriptedServer(async (talk) => talk.hangUp())
    await rejection(connectNbd(mute.address), 'refused')
    await using curt = await scriptedServer(async (talk) => {
      talk.send(encodeGreeting(3))
      await talk.expect(4)
      talk.hangUp()
    })
    await rejection(connectNbd(curt.address), 'closed')
  })

  it('refuses options without meaning', async () => {
    const address = { path: '/nonexistent/socket' }
    await rejection(connectNbd(address, { connections: 0 }), 'invalid')
    await rejection(connectNbd(address, { requestBytes: 1.5 }), 'invalid')
    await rejection(connectNbd(address, { requireTls: true }), 'invalid')
    await rejection(connectNbd(address, { timeoutMs: Number.POSITIVE_INFINITY }), 'invalid')
    await rejection(connectNbd({ host: 'localhost', port: 70_000 }), 'invalid')
    await using server = await answering([optionReply.unsupported])
    await rejection(connectNbd(server.address, { exportName: 'x'.repeat(5000) }), 'invalid')
  })
})
