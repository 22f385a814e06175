import { describe, expect, it } from 'vitest'
import { connectQmp, type QmpEvent } from '../src/index.js'
import { fakeQmp, noAnswer } from '../src/testing/index.js'

const connected = async () => {
  const fake = fakeQmp({ answers: { stop: () => fake.emit('STOP'), slow: noAnswer, a: 1 } })
  return { fake, session: await connectQmp({ stream: fake.connect() }, { commandTimeoutMs: 1000 }) }
}

describe('events', () => {
  it('come to every listener in order, between answers, until it unsubscribes', async () => {
    const { fake, session } = await connected()
    await using _ = session
    const first: string[] = []
    const second: string[] = []
    const off = session.on(({ name }) => first.push(name))
    session.on(({ name }) => second.push(name))
    fake.emit('A')
    await session.execute('stop')
    fake.emit('B')
    await session.execute('a')
    off()
    off()
    fake.emit('C')
    await session.execute('a')
    expect(first).toEqual(['A', 'STOP', 'B'])
    expect(second).toEqual(['A', 'STOP', 'B', 'C'])
  })

  it('one listener may be given twice, and each ends alone', async () => {
    const { fake, session } = await connected()
    await using _ = session
    const seen: string[] = []
    const listener = ({ name }: QmpEvent) => seen.push(name)
    const off = session.on(listener)
    session.on(listener)
    fake.emit('A')
    await session.execute('a')
    off()
    fake.emit('B')
    await session.execute('a')
    expect(seen).toEqual(['A', 'A', 'B'])
  })

  it('have their data and their time', async () => {
    const { fake, session } = await connected()
    await using _ = session
    const waiting = session.waitForEvent('DEVICE_DELETED')
    fake.send(
      '{"timestamp":{"seconds":1700000000,"microseconds":123456},"event":"DEVICE_DELETED","data":{"path":"/x"}}\r\n',
    )
    expect(await waiting).toEqual({ name: 'DEVICE_DELETED', data: { path: '/x' }, atMs: 1_700_000_000_123 })
    const timeless = session.waitForEvent('STOP')
    fake.send('{"timestamp":{"seconds":-1,"microseconds":-1},"event":"STOP"}\r\n')
    expect(await timeless).toEqual({ name: 'STOP', data: {}, atMs: undefined })
  })

  it('are not missed between a command and its answer', async () => {
    const { session } = await connected()
    await using _ = session
    using stopped = session.expectEvent('STOP')
    await session.execute('stop')
    expect((await stopped.event).name).toBe('STOP')
  })

  it('are matched by a function', async () => {
    const { fake, session } = await connected()
    await using _ = session
    const waiting = session.waitForEvent(({ name, data }) => name === 'JOB' && data['id'] === 'b')
    fake.emit('JOB', { id: 'a' })
    fake.emit('JOB', { id: 'b', n: 1 })
    fake.emit('JOB', { id: 'b', n: 2 })
    expect((await waiting).data).toEqual({ id: 'b', n: 1 })
  })

  it('a match that throws fails its own wait alone', async () => {
    const { fake, session } = await connected()
    await using _ = session
    const broken = session.waitForEvent(() => {
      throw new RangeError('mine')
    })
    const other = session.waitForEvent('A')
    fake.emit('A')
    await expect(broken).rejects.toThrow(RangeError)
    await expect(other).resolves.toMatchObject({ name: 'A' })
  })

  it('a listener that throws ends the session, and is the cause', async () => {
    const { fake, session } = await connected()
    session.on(() => {
      throw new RangeError('mine')
    })
    const slow = session.execute('slow').catch((error: unknown) => error)
    fake.emit('A')
    expect(await slow).toMatchObject({ code: 'closed', cause: { cause: expect.any(RangeError) } })
  })

  it('are waited for no longer than asked, and no longer than the signal allows', async () => {
    const { session } = await connected()
    await using _ = session
    await expect(session.waitForEvent('A', { timeoutMs: 10 })).rejects.toMatchObject({ code: 'timeout' })
    const controller = new AbortController()
    const waiting = session.waitForEvent('A', { signal: controller.signal })
    controller.abort()
    await expect(waiting).rejects.toMatchObject({ code: 'aborted' })
    await expect(session.waitForEvent('A', { signal: controller.signal })).rejects.toMatchObject({ code: 'aborted' })
  })

  it('an expectation that is disposed, times out or loses its session rejects nothing that nobody awaits', async () => {
    const { fake, session } = await connected()
    const expected = session.expectEvent('A', { timeoutMs: 5 })
    session.expectEvent('B')[Symbol.dispose]()
    session.expectEvent('C')
    await new Promise((resolve) => setTimeout(resolve, 20))
    fake.cut()
    await session.closed
    await new Promise(setImmediate)
    // Vitest fails the run for an unhandled rejection; here it is enough that each ended as it should.
    await expect(expected.event).rejects.toMatchObject({ code: 'timeout' })
  })

  it('an expectation that is disposed does not wait on', async () => {
    const { session } = await connected()
    await using _ = session
    const expected = session.expectEvent('A')
    expected[Symbol.dispose]()
    await expect(expected.event).rejects.toMatchObject({ code: 'aborted' })
  })
})
