import { describe, expect, it } from 'vitest'
import { connectQmp, type QmpError } from '../src/index.js'
import { type FakeCall, fakeFailure, fakeQmp, noAnswer } from '../src/testing/index.js'

const connected = async (answers: Parameters<typeof fakeQmp>[0], options: Parameters<typeof connectQmp>[1] = {}) => {
  const fake = fakeQmp(answers)
  return { fake, session: await connectQmp({ stream: fake.connect() }, options) }
}

describe('executing commands', () => {
  it('sends the arguments and returns what QEMU returns', async () => {
    const { fake, session } = await connected({ answers: { add: ({ args }: FakeCall) => ({ got: args }) } })
    await using _ = session
    await expect(session.execute('add', { 'node-name': 'ä', on: true, left: undefined })).resolves.toEqual({
      got: { 'node-name': 'ä', on: true },
    })
    await expect(session.execute('add')).resolves.toEqual({ got: {} })
    expect(fake.calls.map(({ command }) => command)).toEqual(['add', 'add'])
  })

  it('gives each of many commands its own answer, in whatever order they come', async () => {
    const gates = Array.from({ length: 20 }, () => Promise.withResolvers<void>())
    const answers = {
      echo: async ({ args }: FakeCall) => {
        await gates[Number(args['n'])]!.promise
        return args['n']
      },
    }
    const { session } = await connected({ answers })
    await using _ = session
    const order: unknown[] = []
    const all = gates.map(async (_gate, n) => order.push(await session.execute('echo', { n })))
    for (const gate of gates.toReversed()) {
      gate.resolve()
      await new Promise(setImmediate)
    }
    await Promise.all(all)
    expect(order).toEqual(gates.map((_gate, n) => 19 - n))
  })

  it("throws QEMU's class and words, and not what the command was given", async () => {
    const { session } = await connected({
      answers: { 'object-add': fakeFailure("Parameter 'x' is \u001b[31mred", 'GenericError') },
    })
    await using _ = session
    const error: QmpError = await session.execute('object-add', { secret: 'hunter2' }).then(
      () => undefined,
      (e) => e,
    )
    expect(error).toMatchObject({
      code: 'command',
      command: 'object-add',
      class: 'GenericError',
      desc: "Parameter 'x' is \u001b[31mred",
    })
    expect(error.message).toBe("object-add: Parameter 'x' is  [31mred")
    expect(JSON.stringify(error) + error.stack).not.toContain('hunter2')
    await expect(session.execute('no-such')).rejects.toMatchObject({ code: 'command', class: 'CommandNotFound' })
  })

  it('bounds what it keeps of an error', async () => {
    const { session } = await connected({ answers: { x: fakeFailure('x'.repeat(100_000)) } })
    await using _ = session
    const error: QmpError = await session.execute('x').then(
      () => undefined,
      (e) => e,
    )
    expect(error.desc).toHaveLength(4096)
    expect(error.message.length).toBeLessThan(5000)
  })

  it('times out, drops the late answer and stays usable', async () => {
    const late = Promise.withResolvers<string>()
    const { session } = await connected({ answers: { slow: () => late.promise, quick: 'quick' } })
    await using _ = session
    await expect(session.execute('slow', {}, { timeoutMs: 10 })).rejects.toMatchObject({
      code: 'timeout',
      command: 'slow',
    })
    late.resolve('late')
    await expect(session.execute('quick')).resolves.toBe('quick')
  })

  it('has a timeout where none was asked for', async () => {
    const { session } = await connected({ answers: { slow: noAnswer } }, { commandTimeoutMs: 10 })
    await using _ = session
    await expect(session.execute('slow')).rejects.toMatchObject({ code: 'timeout' })
    await expect(session.waitForEvent('STOP')).rejects.toMatchObject({ code: 'timeout' })
  })

  it('waits without end for a timeout longer than timers are, not no time at all', async () => {
    const { session } = await connected({
      answers: { slow: () => new Promise((resolve) => setTimeout(resolve, 30, 'done')) },
    })
    await using _ = session
    await expect(session.execute('slow', {}, { timeoutMs: 2 ** 40 })).resolves.toBe('done')
    await expect(session.execute('slow', {}, { timeoutMs: Infinity })).resolves.toBe('done')
  })

  it('is aborted, drops the late answer and stays usable', async () => {
    const late = Promise.withResolvers<string>()
    const { session } = await connected({ answers: { slow: () => late.promise, quick: 'quick' } })
    await using _ = session
    const controller = new AbortController()
    const slow = session.execute('slow', {}, { signal: controller.signal })
    controller.abort('why')
    await expect(slow).rejects.toMatchObject({ code: 'aborted', command: 'slow', cause: 'why' })
    late.resolve('late')
    await expect(session.execute('quick')).resolves.toBe('quick')
  })

  it('sends nothing for a signal that has aborted', async () => {
    const { fake, session } = await connected({ answers: { a: {}, b: {} } })
    await using _ = session
    await expect(session.execute('a', {}, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'aborted' })
    await session.execute('b')
    expect(fake.calls.map(({ command }) => command)).toEqual(['b'])
  })

  it('refuses arguments that JSON cannot say, and stays usable', async () => {
    const { session } = await connected({ answers: { a: 1 } })
    await using _ = session
    await expect(session.execute('a', { size: 1n })).rejects.toThrow(TypeError)
    await expect(session.execute('a')).resolves.toBe(1)
  })

  it('fails all that waits with `closed` when the connection is cut, and all that comes later', async () => {
    const { fake, session } = await connected({ answers: { slow: noAnswer } })
    const waiting = [session.execute('slow'), session.execute('slow', { n: 2 }), session.waitForEvent('STOP')]
    const settled = Promise.allSettled(waiting)
    await new Promise(setImmediate)
    fake.cut()
    for (const result of await settled) expect(result).toMatchObject({ status: 'rejected', reason: { code: 'closed' } })
    await expect(session.closed).resolves.toMatchObject({ code: 'closed' })
    await expect(session.execute('slow')).rejects.toMatchObject({ code: 'closed', command: 'slow' })
    await expect(session.waitForEvent('STOP')).rejects.toMatchObject({ code: 'closed' })
    await session[Symbol.asyncDispose]()
  })

  it('fails all that waits with `closed` when it is disposed, and has no reason to tell', async () => {
    const { session } = await connected({ answers: { slow: noAnswer } })
    const slow = session.execute('slow')
    const settled = slow.catch((error: unknown) => error)
    await session[Symbol.asyncDispose]()
    await session[Symbol.asyncDispose]()
    expect(await settled).toMatchObject({ code: 'closed' })
    await expect(session.closed).resolves.toBeUndefined()
  })

  it.each([
    ['bytes that are no message', 'oops', 'protocol'],
    ['a message of no kind', '{"hello":1}', 'protocol'],
    ['a second greeting', '{"QMP":{"version":{"qemu":{"major":1,"minor":0,"micro":0},"package":""}}}', 'protocol'],
    ['an answer to a command never sent', '{"return":{},"id":99}', 'protocol'],
    ['an answer to an id of another kind', '{"return":{},"id":"1"}', 'protocol'],
    ['an error that answers no command', '{"error":{"class":"GenericError","desc":"JSON parse error"}}', 'protocol'],
    ['an error without words', '{"error":{"class":"GenericError"},"id":2}', 'protocol'],
    ['a message that is too long', `{"return":"${'x'.repeat(2000)}","id":2}`, 'limit'],
    ['a message without end', `{"return":"${'x'.repeat(2000)}`, 'limit'],
  ])('ends the session at %s', async (_, text, code) => {
    const { fake, session } = await connected({ answers: { slow: noAnswer } }, { maxMessageBytes: 1000 })
    const slow = session.execute('slow').catch((error: unknown) => error)
    fake.send(text)
    expect(await slow).toMatchObject({ code, command: 'slow' })
    await expect(session.closed).resolves.toMatchObject({ code })
  })

  it('takes an answer twice for nothing', async () => {
    const { fake, session } = await connected({ answers: { a: 1, b: 2 } })
    await using _ = session
    await session.execute('a')
    fake.send('{"return":"again","id":2}')
    await expect(session.execute('b')).resolves.toBe(2)
  })
})
