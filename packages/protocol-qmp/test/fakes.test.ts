import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { describe, expect, it } from 'vitest'
import { connectGuestAgent, connectQmp } from '../src/index.js'
import { fakeGuestAgent, fakeQmp } from '../src/testing/index.js'

describe('the fake QEMU', () => {
  it('knows no command before the negotiation', async () => {
    await using fake = fakeQmp({ answers: { a: 1 } })
    const stream = fake.connect()
    stream.write('{"execute":"a","id":5}')
    const lines = createInterface({ input: stream })[Symbol.asyncIterator]()
    const next = async () => JSON.parse(String((await lines.next()).value)) as unknown
    expect(await next()).toHaveProperty('QMP')
    expect(await next()).toMatchObject({ id: 5, error: { class: 'CommandNotFound' } })
  })

  it('turns what an answer throws into an error', async () => {
    await using fake = fakeQmp({
      answers: {
        a: () => {
          throw new Error('script')
        },
      },
    })
    await using session = await connectQmp({ stream: fake.connect() })
    await expect(session.execute('a')).rejects.toMatchObject({ class: 'FakeError', desc: 'Error: script' })
  })

  it('serves several clients, and new ones after a cut', async () => {
    await using fake = fakeQmp({ answers: { a: 1 } })
    const first = await connectQmp({ stream: fake.connect() })
    const second = await connectQmp({ stream: fake.connect() })
    expect(await Promise.all([first.execute('a'), second.execute('a')])).toEqual([1, 1])
    fake.cut()
    expect(await first.closed).toMatchObject({ code: 'closed' })
    expect(await second.closed).toMatchObject({ code: 'closed' })
    await using third = await connectQmp({ stream: fake.connect() })
    expect(await third.execute('a')).toBe(1)
  })
})

describe('the fake guest agent', () => {
  it('complains about the delimiter before a request, as the real one does', async () => {
    await using fake = fakeGuestAgent()
    const stream = fake.connect()
    stream.write(
      Buffer.concat([Buffer.of(0xff), Buffer.from('{"execute":"guest-sync-delimited","arguments":{"id":7}}')]),
    )
    const [complaint] = await once(stream, 'data')
    expect(JSON.parse(String(complaint))).toMatchObject({ error: { class: 'GenericError' } })
    const [answer]: readonly Uint8Array[] = await once(stream, 'data')
    expect(answer?.[0]).toBe(0xff)
    expect(JSON.parse(String(answer?.subarray(1)))).toEqual({ return: 7 })
  })

  it('answers after a pause what came during it', async () => {
    await using fake = fakeGuestAgent()
    await using agent = await connectGuestAgent({ stream: fake.connect() })
    fake.stop()
    await expect(agent.ping({ timeoutMs: 10 })).rejects.toMatchObject({ code: 'timeout' })
    fake.start()
    await agent.ping()
    expect(fake.calls).toHaveLength(2)
  })
})
