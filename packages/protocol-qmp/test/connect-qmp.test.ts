import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { duplexPair, PassThrough } from 'node:stream'
import { tempFolder } from 'holdfast-lab'
import { describe, expect, it } from 'vitest'
import { connectQmp, isQmpError } from '../src/index.js'
import { fakeQmp } from '../src/testing/index.js'

const greeting = '{"QMP":{"version":{"qemu":{"major":9,"minor":1,"micro":2},"package":""},"capabilities":[]}}\r\n'

describe('connecting to QMP', () => {
  it('reads the greeting, negotiates and tells the version', async () => {
    await using fake = fakeQmp({ version: { major: 9, minor: 1, micro: 2, package: 'Debian' } })
    await using session = await connectQmp({ stream: fake.connect() })
    expect(session.version).toEqual({ major: 9, minor: 1, micro: 2, package: 'Debian' })
  })

  it('connects to a unix socket', async () => {
    using folder = tempFolder()
    const path = join(folder.path, 'qmp.sock')
    await using fake = fakeQmp({ answers: { 'query-name': { name: 'vm' } } })
    await fake.listen(path)
    await using session = await connectQmp({ path })
    await expect(session.execute('query-name')).resolves.toEqual({ name: 'vm' })
  })

  it('connects to a port', async () => {
    const server = createServer((socket) => {
      socket.write(greeting)
      socket.once('data', () => socket.write('{"return":{},"id":1}\r\n'))
    })
    const port = await new Promise<number>((resolve) => {
      server.listen(0, '127.0.0.1', () => {
        const address = server.address()
        resolve(typeof address === 'object' && address !== null ? address.port : 0)
      })
    })
    try {
      await using session = await connectQmp({ host: '127.0.0.1', port })
      expect(session.version.major).toBe(9)
    } finally {
      server.close()
    }
  })

  it('says that a socket is not there', async () => {
    const error = await connectQmp({ path: '/nonexistent/qmp.sock' }).catch((caught: unknown) => caught)
    expect(error).toMatchObject({ code: 'connect', cause: { code: 'ENOENT' } })
    expect(isQmpError(error) && error.hint).toMatch(/QEMU runs/)
  })

  it('gives up on a monitor that does not greet, names the likely reason and lets go of it', async () => {
    await using fake = fakeQmp({ greets: false })
    const stream = fake.connect()
    const error = await connectQmp({ stream }, { timeoutMs: 20 }).catch((caught: unknown) => caught)
    expect(error).toMatchObject({ code: 'timeout', hint: expect.stringContaining('one client at a time') })
    expect(stream.destroyed).toBe(true)
  })

  it('gives up on one that greets and does not negotiate', async () => {
    const [stream, qemu] = duplexPair()
    qemu.write(greeting)
    await expect(connectQmp({ stream }, { timeoutMs: 20 })).rejects.toMatchObject({ code: 'timeout' })
    expect(stream.destroyed).toBe(true)
  })

  it('throws what QEMU says to the negotiation', async () => {
    const [stream, qemu] = duplexPair()
    qemu.write(greeting)
    qemu.once('data', () => qemu.write('{"error":{"class":"GenericError","desc":"no"},"id":1}\n'))
    const refused = { code: 'command', command: 'qmp_capabilities', class: 'GenericError', desc: 'no' }
    await expect(connectQmp({ stream })).rejects.toMatchObject(refused)
    expect(stream.destroyed).toBe(true)
  })

  it('is aborted while it waits, with the reason as the cause', async () => {
    await using fake = fakeQmp({ greets: false })
    const controller = new AbortController()
    const stream = fake.connect()
    const connecting = connectQmp({ stream }, { signal: controller.signal })
    controller.abort(new Error('enough'))
    await expect(connecting).rejects.toMatchObject({ code: 'aborted', cause: { message: 'enough' } })
    expect(stream.destroyed).toBe(true)
  })

  it('opens nothing for a signal that has aborted', async () => {
    await using fake = fakeQmp()
    const stream = fake.connect()
    await expect(connectQmp({ stream }, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'aborted' })
    await expect(connectQmp({ path: '/nonexistent' }, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'aborted',
    })
  })

  it('lets an abort after the connection alone', async () => {
    await using fake = fakeQmp({ answers: { ping: {} } })
    const controller = new AbortController()
    await using session = await connectQmp({ stream: fake.connect() }, { signal: controller.signal })
    controller.abort()
    await expect(session.execute('ping')).resolves.toEqual({})
  })

  it('refuses a stream that has ended', async () => {
    const stream = new PassThrough()
    stream.destroy()
    await once(stream, 'close')
    await expect(connectQmp({ stream }, { timeoutMs: 500 })).rejects.toMatchObject({ code: 'closed' })
  })

  it.each([
    ['an answer before the greeting', '{"return":{},"id":1}'],
    ['an event before the greeting', '{"event":"STOP"}'],
    ['a greeting without a version', '{"QMP":{}}'],
    ['a greeting with an absurd version', '{"QMP":{"version":{"qemu":{"major":-1,"minor":0,"micro":0},"package":""}}}'],
    ['two greetings', greeting + greeting],
    ['another protocol', 'HTTP/1.1 400 Bad Request\r\n'],
  ])('refuses %s', async (_, text) => {
    const [stream, qemu] = duplexPair()
    qemu.write(text)
    await expect(connectQmp({ stream })).rejects.toMatchObject({ code: 'protocol' })
    expect(stream.destroyed).toBe(true)
  })

  it('says that the other side hung up', async () => {
    const [stream, qemu] = duplexPair()
    qemu.end()
    await expect(connectQmp({ stream })).rejects.toMatchObject({ code: 'closed' })
  })

  it('refuses a stream of texts', async () => {
    const [stream, qemu] = duplexPair()
    stream.setEncoding('utf8')
    qemu.write(greeting)
    await expect(connectQmp({ stream })).rejects.toMatchObject({ code: 'protocol' })
  })
})
