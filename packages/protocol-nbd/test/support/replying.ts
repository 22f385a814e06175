import { type ScriptedServer, type ScriptedTalk, scriptedServer } from '../../src/testing/index.js'
import { joined } from '../../src/wire/bytes.js'
import { chunkType, command } from '../../src/wire/constants.js'
import { encodeChunk, encodeDataOffset } from '../../src/wire/replies.js'
import type { RequestHeader } from '../../src/wire/requests.js'
import { nextRequest, type OpenOptions, openAnyExport } from './talk.js'

/** A server that answers every request by a function. */
export async function replying(
  answer: (request: RequestHeader, talk: ScriptedTalk) => void | Promise<void>,
  options: OpenOptions = { contexts: true },
): Promise<ScriptedServer> {
  return await scriptedServer(async (talk) => {
    await openAnyExport(talk, options)
    for (;;) {
      const request = await nextRequest(talk)
      if (request.command === command.disconnect) return talk.hangUp()
      await answer(request, talk)
    }
  })
}

/** A chunk with data. */
export const data = (cookie: bigint, offset: number, length: number, isLast: boolean, fill = 7): Uint8Array =>
  encodeChunk(
    { cookie, type: chunkType.offsetData, isLast },
    joined(encodeDataOffset(offset), new Uint8Array(length).fill(fill)),
  )
