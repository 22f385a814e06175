import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { expect, it } from 'vitest'
import { connectVim, isVimError } from '../src/index.js'
import { fakeFault, fakeVsphere } from '../src/testing/index.js'
import { selfSigned } from './support/certificate.js'

const login = { user: 'user', password: 'pass' }

it('logs in, tells what the server is, and logs out', async () => {
  await using server = await fakeVsphere()
  {
    await using session = await connectVim(server.address, login)
    expect(session.content.about).toMatchObject({ kind: 'vcenter', apiVersion: '8.0.2.0' })
    expect(session.version).toBe('8.0')
    expect(server.sessions()).toBe(1)
  }
  expect(server.sessions()).toBe(0)
})

it.each([
  ['6.5', true, '6.5'],
  ['6.7.3', true, '6.7'],
  ['9.1.0.0', true, '8.0'],
  ['7.0.3.0', false, '7.0'],
  ['9.0', false, '8.0'],
])(
  'agrees on a version with a server of %s that tells (%s) what it speaks: %s',
  async (apiVersion, tellsVersions, version) => {
    await using server = await fakeVsphere({ kind: 'esxi', apiVersion, tellsVersions })
    await using session = await connectVim(server.address, login)
    expect(session.version).toBe(version)
    expect(session.content.about.kind).toBe('esxi')
  },
)

it('refuses servers that are too old', async () => {
  await using server = await fakeVsphere({ apiVersion: '5.5', tellsVersions: false })
  await expect(connectVim(server.address, login)).rejects.toMatchObject({ code: 'version' })
})

it('says that the password is wrong, and does not repeat it', async () => {
  await using server = await fakeVsphere()
  const error: unknown = await connectVim(server.address, { user: 'user', password: 'opensesame' }).catch(
    (each: unknown) => each,
  )
  expect(isVimError(error) && error.code).toBe('login')
  expect(JSON.stringify(error) + String(error)).not.toContain('opensesame')
})

it('logs in anew when the session has expired, once for all calls that find it so', async () => {
  await using server = await fakeVsphere()
  await using session = await connectVim(server.address, { user: 'user', password: () => 'pass' })
  server.expireSessions()
  await Promise.all(Array.from({ length: 8 }, () => session.call(session.content.rootFolder, 'CurrentTime')))
  expect(session.logins()).toBe(2)
  expect(server.calls.filter((each) => each === 'Login').length).toBe(2)
})

it('keeps an idle session alive', async () => {
  await using server = await fakeVsphere()
  await using _session = await connectVim(server.address, login, { keepAliveMs: 20 })
  await expect.poll(() => server.calls.filter((each) => each === 'CurrentTime').length).toBeGreaterThan(1)
})

it('repeats what may be repeated when the server hangs up, and nothing else', async () => {
  await using server = await fakeVsphere({
    methods: { CurrentTime: ({ signal: _ }) => (calls++ === 0 ? new Promise(() => server.cut()) : new Date()) },
  })
  let calls = 0
  await using session = await connectVim(server.address, login)
  const self = session.content.rootFolder
  await expect(session.call(self, 'CurrentTime')).rejects.toMatchObject({ code: 'closed', isTransient: true })
  calls = 0
  expect((await session.call(self, 'CurrentTime', {}, { isRepeatable: true })).length).toBe(1)
  expect(calls).toBe(2)
})

it('gives up what may be repeated when the patience is at its end', async () => {
  await using server = await fakeVsphere()
  const session = await connectVim(server.address, login, { patienceMs: 500 })
  await server[Symbol.asyncDispose]()
  await expect(
    session.call(session.content.rootFolder, 'CurrentTime', {}, { isRepeatable: true }),
  ).rejects.toMatchObject({ code: 'connect' })
  await session[Symbol.asyncDispose]()
})

it('tells faults by name, with the privilege that lacks', async () => {
  await using server = await fakeVsphere()
  await using session = await connectVim(server.address, login)
  server.failNext(
    'CreateSnapshot_Task',
    fakeFault('NoPermission', 'Permission to perform this operation was denied.', {
      privilegeId: 'VirtualMachine.State.CreateSnapshot',
    }),
  )
  await expect(session.call(session.content.rootFolder, 'CreateSnapshot_Task')).rejects.toMatchObject({
    code: 'fault',
    fault: 'NoPermission',
    method: 'CreateSnapshot_Task',
    hint: 'The user lacks the privilege VirtualMachine.State.CreateSnapshot.',
    isTransient: false,
  })
})

it('ends a call whose answer does not come in time, or that is aborted', async () => {
  await using server = await fakeVsphere({ methods: { CurrentTime: () => new Promise(() => {}) } })
  await using session = await connectVim(server.address, login)
  const self = session.content.rootFolder
  await expect(session.call(self, 'CurrentTime', {}, { timeoutMs: 50 })).rejects.toMatchObject({ code: 'timeout' })
  await expect(session.call(self, 'CurrentTime', {}, { signal: AbortSignal.timeout(50) })).rejects.toMatchObject({
    code: 'aborted',
  })
})

it('takes no answer beyond its limit', async () => {
  await using server = await fakeVsphere({ methods: { CurrentTime: () => 'x'.repeat(100_000) } })
  await using session = await connectVim(server.address, login, { maxAnswerBytes: 50_000 })
  await expect(session.call(session.content.rootFolder, 'CurrentTime')).rejects.toMatchObject({ code: 'limit' })
})

it('says that nobody listens', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((done) => server.once('listening', done))
  const { port } = server.address() as AddressInfo
  await new Promise((done) => server.close(done))
  await expect(connectVim({ host: '127.0.0.1', port, tls: false }, login)).rejects.toMatchObject({ code: 'connect' })
})

it('trusts a certificate by its authority or by either thumbprint, and sends nothing to any other', async () => {
  const [tls, other] = [selfSigned(), selfSigned()]
  await using server = await fakeVsphere({ tls })
  const colons = tls.sha1.toUpperCase().replaceAll(/(..)(?=.)/g, '$1:')
  for (const trusted of [{ ca: tls.cert }, { thumbprint: tls.sha256 }, { thumbprint: colons }]) {
    await using session = await connectVim({ ...server.address, tls: trusted }, login)
    expect(session.content.about.kind).toBe('vcenter')
  }
  const before = server.calls.length
  for (const trusted of [{}, { ca: other.cert }, { thumbprint: other.sha256 }, { thumbprint: other.sha1 }])
    await expect(connectVim({ ...server.address, tls: trusted }, login)).rejects.toMatchObject({ code: 'certificate' })
  expect(server.calls.length).toBe(before)
})

it('does not trust a certificate of another name', async () => {
  const tls = selfSigned('DNS:elsewhere.example')
  await using server = await fakeVsphere({ tls })
  await expect(connectVim({ ...server.address, tls: { ca: tls.cert } }, login)).rejects.toMatchObject({
    code: 'certificate',
  })
})
