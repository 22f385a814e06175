import type { ScriptedTalk } from '../../src/testing/index.js'
import { handshakeFlag, option, optionReply, transmissionFlag } from '../../src/wire/constants.js'
import { decodeOptionHeader, encodeGreeting, encodeOptionReply, optionHeaderBytes } from '../../src/wire/handshake.js'
import { encodeInfo } from '../../src/wire/option-payloads.js'
import { decodeRequest, type RequestHeader, requestBytes } from '../../src/wire/requests.js'

/** Plays a modern server up to the transmission phase. */
export async function openAnyExport(
  talk: ScriptedTalk,
  { sizeBytes = 65_536, structured = true, contexts = false }: OpenOptions = {},
): Promise<void> {
  talk.send(encodeGreeting(handshakeFlag.fixedNewstyle | handshakeFlag.noZeroes))
  await talk.expect(4)
  for (;;) {
    const header = decodeOptionHeader(await talk.expect(optionHeaderBytes))
    await talk.expect(header.lengthBytes)
    const reply = (type: number, payload?: Uint8Array) => talk.send(encodeOptionReply(header.option, type, payload))
    if (header.option === option.structuredReply) reply(structured ? optionReply.ack : optionReply.unsupported)
    else if (header.option === option.setMetaContext && contexts) {
      reply(optionReply.metaContext, grantedAllocation)
      reply(optionReply.ack)
    } else if (header.option === option.go) {
      const flags = transmissionFlag.hasFlags | transmissionFlag.flush
      reply(optionReply.info, encodeInfo({ kind: 'export', sizeBytes, flags }))
      reply(optionReply.ack)
      return
    } else reply(optionReply.unsupported)
  }
}

/** How a scripted server opens its export. */
export interface OpenOptions {
  readonly sizeBytes?: number
  readonly structured?: boolean
  readonly contexts?: boolean
}

/** Id 7 stands for `base:allocation`. */
const grantedAllocation = Uint8Array.from([0, 0, 0, 7, ...new TextEncoder().encode('base:allocation')])

/** Reads the next request of a client. */
export async function nextRequest(talk: ScriptedTalk): Promise<RequestHeader> {
  return decodeRequest(await talk.expect(requestBytes))
}
