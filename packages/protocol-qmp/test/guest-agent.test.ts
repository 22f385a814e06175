import { duplexPair } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { connectGuestAgent, connectQmp } from '../src/index.js'
import { type FakeCall, fakeFailure, fakeGuestAgent, noAnswer } from '../src/testing/index.js'
import { join } from './support/bytes.js'

const connected = async (
  options: Parameters<typeof fakeGuestAgent>[0] = {},
  connecting: Parameters<typeof connectGuestAgent>[1] = {},
) => {
  const fake = fakeGuestAgent(options)
  return { fake, agent: await connectGuestAgent({ stream: fake.connect() }, { timeoutMs: 2000, ...connecting }) }
}

describe('connecting to a guest agent', () => {
  it('synchronises before it is given out', async () => {
    const { agent } = await connected()
    await using _ = agent
    await agent.ping()
  })

  it.each([
    ['answers to an earlier client', '{"return":1}\n{"return":{}}\n'],
    ['half an answer', '{"return":{"a":'],
    ['bytes of something else', join('login: ', Uint8Array.of(0, 0xfe, 0x80))],
    ['an earlier synchronisation', join(Uint8Array.of(0xff), '{"return":1234567}\n')],
    ['a delimiter and rubbish', join(Uint8Array.of(0xff), '}}}', Uint8Array.of(0xff, 0xff))],
    ['more than a message may hold', `{"return":"${'x'.repeat(5000)}`],
  ])('drops %s', async (_name, stale) => {
    const { agent } = await connected({ stale, answers: { a: 'mine' } }, { maxMessageBytes: 2000 })
    await using _ = agent
    await expect(agent.execute('a')).resolves.toBe('mine')
  })

  it('takes only an answer behind a delimiter: one without may be half of another', async () => {
    const [stream, guest] = duplexPair()
    guest.on('data', (chunk: Uint8Array) =>
      guest.write(`${String(chunk).match(/\d+/)?.[0] ?? ''}`.replace(/.+/, '{"return":$&}\n')),
    )
    await expect(connectGuestAgent({ stream }, { timeoutMs: 30 })).rejects.toMatchObject({ code: 'timeout' })
  })

  it('says that no agent answers, and lets go of the channel', async () => {
    const fake = fakeGuestAgent({ isStarted: false })
    const stream = fake.connect()
    await expect(connectGuestAgent({ stream }, { timeoutMs: 20 })).rejects.toMatchObject({
      code: 'timeout',
      message: expect.stringContaining("guest agent's first answer"),
      hint: expect.stringContaining('installed'),
    })
    expect(stream.destroyed).toBe(true)
  })

  it('waits for a guest that starts meanwhile', async () => {
    const fake = fakeGuestAgent({ isStarted: false })
    setTimeout(fake.start, 20)
    await using agent = await connectGuestAgent({ stream: fake.connect() }, { timeoutMs: 2000 })
    await agent.ping()
  })

  it('is aborted while it waits', async () => {
    const fake = fakeGuestAgent({ isStarted: false })
    const controller = new AbortController()
    const connecting = connectGuestAgent({ stream: fake.connect() }, { signal: controller.signal })
    setTimeout(() => controller.abort(), 5)
    await expect(connecting).rejects.toMatchObject({ code: 'aborted' })
  })

  it('is not deceived by a monitor, nor a monitor by an agent', async () => {
    const fake = fakeGuestAgent({ stale: '{"return":{}}' })
    await expect(connectQmp({ stream: fake.connect() }, { timeoutMs: 50 })).rejects.toMatchObject({ code: 'protocol' })
  })

  it('refuses an agent that talks on after the synchronisation', async () => {
    const [stream, guest] = duplexPair()
    guest.on('data', (chunk: Uint8Array) => {
      const id = String(chunk).match(/"id":(\d+)/)?.[1]
      guest.write(join(Uint8Array.of(0xff), `{"return":${id}}{"return":"a lie about the next command"}`))
    })
    await expect(connectGuestAgent({ stream }, { timeoutMs: 500 })).rejects.toMatchObject({ code: 'protocol' })
  })
})

describe('commands of a guest agent', () => {
  it('go one at a time, in order', async () => {
    let running = 0
    let most = 0
    const slow = async ({ args }: FakeCall) => {
      running += 1
      most = Math.max(most, running)
      await new Promise((resolve) => setTimeout(resolve, 2))
      running -= 1
      return args['n']
    }
    const { fake, agent } = await connected({ answers: { slow } })
    await using _ = agent
    const all = [1, 2, 3, 4].map((n) => agent.execute('slow', { n }))
    expect(await Promise.all(all)).toEqual([1, 2, 3, 4])
    expect(most).toBe(1)
    expect(fake.calls.map(({ args }) => args['n'])).toEqual([1, 2, 3, 4])
  })

  it("throw the agent's class and words, and the next one works", async () => {
    const { agent } = await connected({ answers: { bad: fakeFailure('nope', 'CommandNotFound'), good: 1 } })
    await using _ = agent
    await expect(agent.execute('bad')).rejects.toMatchObject({
      code: 'command',
      command: 'bad',
      class: 'CommandNotFound',
      desc: 'nope',
    })
    await expect(agent.execute('good')).resolves.toBe(1)
  })

  it('after a timeout, the late answer is not taken for that of the next command', async () => {
    const late = Promise.withResolvers<string>()
    const { agent } = await connected({ answers: { slow: () => late.promise, next: 'next' } })
    await using _ = agent
    await expect(agent.execute('slow', {}, { timeoutMs: 10 })).rejects.toMatchObject({
      code: 'timeout',
      command: 'slow',
    })
    const next = agent.execute('next')
    setTimeout(() => late.resolve('late'), 10)
    await expect(next).resolves.toBe('next')
  })

  it('after an abort too, and when the late answer comes before the next command', async () => {
    const late = Promise.withResolvers<string>()
    const { agent } = await connected({ answers: { slow: () => late.promise, next: 'next' } })
    await using _ = agent
    const controller = new AbortController()
    const slow = agent.execute('slow', {}, { signal: controller.signal })
    setTimeout(() => controller.abort('why'), 5)
    await expect(slow).rejects.toMatchObject({ code: 'aborted', cause: 'why' })
    late.resolve('late')
    await new Promise((resolve) => setTimeout(resolve, 5))
    await expect(agent.execute('next')).resolves.toBe('next')
  })

  it('a command behind one that hangs has its own time, which begins with its turn', async () => {
    const late = Promise.withResolvers<string>()
    const { agent } = await connected({ answers: { slow: () => late.promise, next: 'next' } })
    await using _ = agent
    const slow = agent.execute('slow', {}, { timeoutMs: 60 }).catch(() => late.resolve('late'))
    const next = agent.execute('next', {}, { timeoutMs: 50 })
    await slow
    await expect(next).resolves.toBe('next')
  })

  it('a command that is aborted while it waits for its turn is never sent', async () => {
    const gate = Promise.withResolvers<void>()
    const { fake, agent } = await connected({ answers: { slow: () => gate.promise, never: {}, next: 'next' } })
    await using _ = agent
    const controller = new AbortController()
    const slow = agent.execute('slow')
    const never = agent.execute('never', {}, { signal: controller.signal })
    const next = agent.execute('next')
    controller.abort()
    await expect(never).rejects.toMatchObject({ code: 'aborted' })
    gate.resolve()
    await slow
    await expect(next).resolves.toBe('next')
    expect(fake.calls.map(({ command }) => command)).toEqual(['slow', 'next'])
  })

  it('what comes unasked is not taken for an answer', async () => {
    const { fake, agent } = await connected({ answers: { next: 'next' } })
    await using _ = agent
    fake.send('{"return":"unasked"}\n')
    await new Promise((resolve) => setTimeout(resolve, 5))
    await expect(agent.execute('next')).resolves.toBe('next')
  })

  it.each([
    ['rubbish', 'oops'],
    ['a delimiter', Uint8Array.of(0xff)],
    ['a message of no kind', '{"hello":1}'],
    ['an error without words', '{"error":{"desc":1}}'],
  ])('%s instead of an answer fails the command alone', async (_name, text) => {
    const odd = () => {
      fake.send(text)
      return noAnswer
    }
    const { fake, agent } = await connected({ answers: { odd, next: 'next' } })
    await using _ = agent
    await expect(agent.execute('odd')).rejects.toMatchObject({ code: 'protocol' })
    await expect(agent.execute('next')).resolves.toBe('next')
  })

  it('an answer that comes after the failure of its command is not taken for the next one', async () => {
    const odd = () => {
      fake.send('{"hello":1}')
      return noAnswer
    }
    const { fake, agent } = await connected({ answers: { odd, next: 'next' } })
    await using _ = agent
    await expect(agent.execute('odd')).rejects.toMatchObject({ code: 'protocol' })
    const next = agent.execute('next')
    fake.send('{"return":"late"}\n')
    expect(await next).toBe('next')
  })

  it('an answer that is too long fails the command alone', async () => {
    const { agent } = await connected({ answers: { long: 'x'.repeat(5000), next: 'next' } }, { maxMessageBytes: 1000 })
    await using _ = agent
    await expect(agent.execute('long')).rejects.toMatchObject({ code: 'limit' })
    await expect(agent.execute('next')).resolves.toBe('next')
  })

  it('fail with `closed` when the connection is cut: the one that runs, those that wait, and later ones', async () => {
    const { fake, agent } = await connected({ answers: { slow: () => new Promise(() => undefined) } })
    const settled = Promise.allSettled([agent.execute('slow'), agent.execute('b'), agent.fsfreezeThaw()])
    await new Promise((resolve) => setTimeout(resolve, 5))
    fake.cut()
    const commands = ['slow', 'b', 'guest-fsfreeze-thaw']
    expect(await settled).toMatchObject(commands.map((command) => ({ reason: { code: 'closed', command } })))
    await expect(agent.ping()).rejects.toMatchObject({ code: 'closed' })
    await expect(agent.closed).resolves.toMatchObject({ code: 'closed' })
  })

  it('fail with `closed` when the agent is disposed, which has no reason to tell', async () => {
    const { agent } = await connected({ answers: { slow: () => new Promise(() => undefined) } })
    const slow = agent.execute('slow').catch((error: unknown) => error)
    await agent[Symbol.asyncDispose]()
    expect(await slow).toMatchObject({ code: 'closed' })
    await expect(agent.closed).resolves.toBeUndefined()
  })

  it('refuses arguments that JSON cannot say, and stays usable', async () => {
    const { agent } = await connected()
    await using _ = agent
    await expect(agent.execute('a', { n: 1n })).rejects.toThrow(TypeError)
    await agent.ping()
  })
})
