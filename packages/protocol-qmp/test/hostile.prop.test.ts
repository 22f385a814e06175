import { duplexPair } from 'node:stream'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { connectGuestAgent, connectQmp, isQmpError } from '../src/index.js'
import { join } from './support/bytes.js'

const greeting = '{"QMP":{"version":{"qemu":{"major":9,"minor":1,"micro":2},"package":""},"capabilities":[]}}'
const part = fc.oneof(
  fc.constantFrom(
    greeting,
    '{"return":{},"id":1}',
    '{"return":{},"id":2}',
    '{"event":"A","data":1}',
    '{"error":{},"id":1}',
    '{',
    '}',
    '\n',
  ),
  fc.constant(Uint8Array.of(0xff)),
  fc.uint8Array({ maxLength: 20 }),
)
const script = fc.array(part, { maxLength: 12 })

/** Runs against a peer that says this and hangs up; tells how it ended. */
async function against(
  parts: readonly (string | Uint8Array)[],
  work: (stream: ReturnType<typeof duplexPair>[0]) => Promise<unknown>,
) {
  const [stream, peer] = duplexPair()
  peer.on('error', () => undefined).resume()
  for (const bytes of parts) peer.write(join(bytes))
  setTimeout(() => peer.end(), 2)
  try {
    await work(stream)
    return 'done'
  } catch (error) {
    if (!isQmpError(error)) throw error
    return error.code
  }
}

describe('a peer that says anything', () => {
  it('gives QMP a session or a typed error, and soon', async () => {
    await fc.assert(
      fc.asyncProperty(script, async (parts) => {
        const end = await against([greeting, ...parts], async (stream) => {
          await using session = await connectQmp({ stream }, { maxMessageBytes: 1000, timeoutMs: 5000 })
          await session.execute('query-status', {}, { timeoutMs: 5000 })
        })
        expect(['done', 'closed', 'protocol', 'limit', 'command']).toContain(end)
      }),
      { numRuns: 300 },
    )
  })

  it('gives a guest agent nothing but a typed error', async () => {
    await fc.assert(
      fc.asyncProperty(script, async (parts) => {
        const end = await against(parts, (stream) =>
          connectGuestAgent({ stream }, { maxMessageBytes: 1000, timeoutMs: 5000 }),
        )
        // No answer here has the id that was asked for.
        expect(end).toBe('closed')
      }),
      { numRuns: 300 },
    )
  })
})
