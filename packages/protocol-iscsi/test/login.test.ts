import { createServer } from 'node:net'
import { describe, expect, it } from 'vitest'
import { type ChapOptions, type ConnectIscsiOptions, connectIscsi, type IscsiErrorCode } from '../src/index.js'
import {
  type FakeTalk,
  type FakeTargetOptions,
  type InitiatorPdu,
  startFakeTarget,
  type TargetPdu,
} from '../src/testing/index.js'
import { rejection } from './support/failures.js'

type Login = InitiatorPdu & { readonly kind: 'login' }
type LoginResponse = TargetPdu & { readonly kind: 'login-response' }

const user = { name: 'backup', secret: 'a-secret-of-ours' }
const library = { name: 'library', secret: 'a-secret-of-theirs' }

async function attempt(target: FakeTargetOptions, how: Partial<ConnectIscsiOptions>): Promise<void> {
  await using fake = await startFakeTarget(target)
  const { host, port, name } = fake
  await using _session = await connectIscsi({ host, port, target: name, ...how }, { timeoutMs: 20_000 })
}

describe('CHAP', () => {
  const algorithms = ['sha3-256', 'sha256', 'sha1', 'md5'] as const
  it.each(algorithms)('proves with %s who the initiator is, and who the target is', async (algorithm) => {
    const chap: ChapOptions = { ...user, mutual: library, algorithms: [algorithm] }
    await attempt({ chap }, { chap })
    await rejection(attempt({ chap }, { chap: { ...chap, secret: 'wrong' } }), 'auth')
    const wrongTarget = { ...chap, mutual: { ...library, secret: 'wrong' } }
    const { message } = await rejection(attempt({ chap: wrongTarget }, { chap }), 'auth')
    expect(message).toContain('does not know the secret')
    const otherName = { ...chap, mutual: { ...library, name: 'other' } }
    expect((await rejection(attempt({ chap: otherName }, { chap }), 'auth')).message).toContain('another name')
  })

  it('is refused where a name, a secret or a digest does not match', async () => {
    const chap = user
    expect(await rejection(attempt({ chap }, {}), 'auth')).toMatchObject({ loginStatus: 0x0201 })
    await rejection(attempt({ chap }, { chap: { ...user, name: 'other' } }), 'auth')
    await rejection(attempt({ chap }, { chap: { ...user, algorithms: ['sha256'] } }), 'auth')
    await attempt({ chap: { ...user, algorithms: ['sha256'] } }, { chap: { ...user, algorithms: ['md5', 'sha256'] } })
  })

  it('is left out where the target wants none, unless the target has to prove itself', async () => {
    await attempt({}, { chap: user })
    await rejection(attempt({}, { chap: { ...user, mutual: library } }), 'auth')
  })

  it('is not begun with secrets that prove nothing', async () => {
    const same = { ...user, mutual: { name: 'library', secret: user.secret } }
    expect((await rejection(attempt({}, { chap: same }), 'usage')).hint).toContain('different secrets')
    await rejection(attempt({}, { chap: { name: '', secret: 'x' } }), 'usage')
    await rejection(attempt({}, { chap: { ...user, algorithms: [] } }), 'usage')
  })

  /** A target that asks for CHAP and then says something else than it should. */
  function posing(
    last: (keys: ReadonlyMap<string, string>) => Readonly<Record<string, string>>,
    first = {},
  ): FakeTargetOptions {
    let step = 0
    return {
      misbehaviour: {
        onPdu: (pdu, data, talk) => {
          if (pdu.kind !== 'login') return false
          const parts = Buffer.from(data)
            .toString()
            .split('\0')
            .filter((part) => part !== '')
          const keys = new Map(parts.map((part) => part.split('=') as [string, string]))
          const replies = [
            { AuthMethod: 'CHAP' },
            { CHAP_A: '5', CHAP_I: '1', CHAP_C: '0x0102030405060708', ...first },
            last(keys),
          ]
          reply(pdu, talk, { isTransit: step === 2, nextStage: step === 2 ? 1 : 0 }, replies[step++])
          return true
        },
      },
    }
  }

  it('catches a target that sends back what was sent to it', async () => {
    const chap = { ...user, mutual: library }
    const poses = [
      (keys: ReadonlyMap<string, string>) => ({ CHAP_N: library.name, CHAP_R: keys.get('CHAP_R')! }),
      (keys: ReadonlyMap<string, string>) => ({
        CHAP_N: library.name,
        CHAP_R: `0x${'00'.repeat(16)}`,
        CHAP_C: keys.get('CHAP_C')!,
      }),
    ]
    for (const pose of poses)
      expect((await rejection(attempt(posing(pose), { chap }), 'auth')).message).toContain('sends back')
    await rejection(
      attempt(
        posing(() => ({})),
        { chap },
      ),
      'auth',
    )
    await rejection(
      attempt(
        posing(() => ({ CHAP_N: library.name, CHAP_R: '0x00' })),
        { chap },
      ),
      'auth',
    )
  })

  it.each([
    ['a digest that was not on offer', { CHAP_A: '7' }],
    ['no number', { CHAP_I: '' }],
    ['a number too high', { CHAP_I: '256' }],
    ['no challenge', { CHAP_C: '' }],
    ['a challenge that is no binary', { CHAP_C: '0xzz' }],
    ['a challenge of 2 KiB', { CHAP_C: `0x${'ab'.repeat(2048)}` }],
  ])('with %s breaks the rules', async (_what, first) => {
    await rejection(
      attempt(
        posing(() => ({}), first),
        { chap: user },
      ),
      'protocol',
    )
  })
})

function reply(
  pdu: Login,
  talk: FakeTalk,
  part: Partial<LoginResponse>,
  keys: Readonly<Record<string, string>> = {},
): void {
  const text = Object.entries(keys).map(([key, value]) => `${key}=${value}\0`)
  const { stage, isid, tag } = pdu
  const rest = { isTransit: true, nextStage: pdu.nextStage, continues: false, tsih: 1, status: 0 }
  talk.send(
    { kind: 'login-response', stage, isid, tag, ...rest, ...talk.answerNumbers(), ...part },
    Buffer.from(text.join('')),
  )
}

/** A target whose logins are a script. */
function scripted(script: (pdu: Login, talk: FakeTalk) => void): FakeTargetOptions {
  return {
    misbehaviour: {
      onPdu: (pdu, _data, talk) => {
        if (pdu.kind !== 'login') return false
        script(pdu, talk)
        return true
      },
    },
  }
}

const refusals: readonly (readonly [number, IscsiErrorCode, string | undefined])[] = [
  [0x0200, 'login', 'log'],
  [0x0201, 'auth', 'CHAP'],
  [0x0202, 'auth', 'access list'],
  [0x0203, 'unknown-target', 'discoverTargets'],
  [0x0204, 'unknown-target', 'discoverTargets'],
  [0x0206, 'login', 'sessions'],
  [0x020b, 'login', undefined],
  [0x02ff, 'login', 'log'],
  [0x0300, 'login', 'log'],
  [0x0301, 'login', 'later'],
  [0x0302, 'login', 'later'],
  [0x0999, 'protocol', undefined],
]

describe('a login', () => {
  it.each(refusals)('that is refused with status %i rejects with %s', async (status, code, hint) => {
    const refusing = scripted((pdu, talk) => reply(pdu, talk, { status }))
    const error = await rejection(attempt(refusing, {}), code)
    expect(error.loginStatus).toBe(status)
    if (hint === undefined) expect(error.hint).toBeUndefined()
    else expect(error.hint).toContain(hint)
  })

  it('to another target than there is rejects', async () => {
    await rejection(attempt({}, { target: 'iqn.a:none' }), 'unknown-target')
    await rejection(attempt({}, { target: 'not a name' }), 'usage')
    await rejection(attempt({}, { initiatorName: 'iqn.' }), 'usage')
  })

  it('goes where the target sends it, but not for ever', async () => {
    await using real = await startFakeTarget()
    const address = `${real.host}:${real.port},1`
    const sending = scripted((pdu, talk) => reply(pdu, talk, { status: 0x0101 }, { TargetAddress: address }))
    await using first = await startFakeTarget(sending)
    const { host, port, name } = first
    await using session = await connectIscsi({ host, port, target: name })
    expect(session.address).toMatchObject({ host: real.host, port: real.port })
    await session.ping()

    let logins = 0
    let own = ''
    const looping = scripted((pdu, talk) => {
      logins++
      reply(pdu, talk, { status: 0x0102 }, { TargetAddress: own })
    })
    await using loop = await startFakeTarget(looping)
    own = `${loop.host}:${loop.port},1`
    await rejection(connectIscsi({ host: loop.host, port: loop.port, target: loop.name }), 'protocol')
    expect(logins).toBe(5)
    const nowhere = scripted((pdu, talk) => reply(pdu, talk, { status: 0x0101 }, { TargetAddress: ':::' }))
    await rejection(attempt(nowhere, {}), 'protocol')
  })

  const strange: readonly (readonly [string, (pdu: Login, talk: FakeTalk) => void])[] = [
    ['that never ends', (pdu, talk) => reply(pdu, talk, { isTransit: false, nextStage: 0 })],
    [
      'whose text never ends',
      (pdu, talk) => reply(pdu, talk, { isTransit: false, nextStage: 0, continues: true }, { A: 'b' }),
    ],
    ['that goes to a stage nobody asked for', (pdu, talk) => reply(pdu, talk, { nextStage: 3 })],
    ['in another stage', (pdu, talk) => reply(pdu, talk, { stage: 1 })],
    ['for another tag', (pdu, talk) => reply(pdu, talk, { tag: 77 })],
    ['that ends and goes on', (pdu, talk) => reply(pdu, talk, { continues: true })],
    ['with a method that was not on offer', (pdu, talk) => reply(pdu, talk, {}, { AuthMethod: 'KRB5' })],
    ['with CHAP though none was offered', (pdu, talk) => reply(pdu, talk, {}, { AuthMethod: 'CHAP' })],
    ['with a part that is no key', (_pdu, talk) => talk.send(response(talk), Buffer.from('nothing\0'))],
    ['with a text that is no UTF-8', (_pdu, talk) => talk.send(response(talk), Buffer.from([0x41, 0x3d, 0xff]))],
    ['with a key twice', (_pdu, talk) => talk.send(response(talk), Buffer.from('A=1\0A=2\0'))],
    ['without a handle', (pdu, talk) => reply(pdu, talk, { tsih: 0 })],
    ['whose numbers jump', (pdu, talk) => reply(pdu, talk, { statSn: 5 + pdu.stage * 7 })],
    ['with 9 KiB of text at once', (_pdu, talk) => talk.send(response(talk), new Uint8Array(9000))],
    [
      'with a command instead',
      (_pdu, talk) => talk.send({ kind: 'nop-in', lun: new Uint8Array(8), tag: 1, transferTag: 1, ...talk.numbers() }),
    ],
  ]

  function response(talk: FakeTalk): LoginResponse {
    const stages = { isTransit: true, continues: false, stage: 0, nextStage: 1 }
    return {
      kind: 'login-response',
      ...stages,
      isid: new Uint8Array(6),
      tsih: 0,
      tag: 0,
      status: 0,
      ...talk.answerNumbers(),
    }
  }

  it.each(strange)('%s ends with an error', async (_what, script) => {
    await rejection(attempt(scripted(script), {}), 'protocol')
  })

  it.each([
    ['HeaderDigest', 'CRC32C'],
    ['InitialR2T', 'Perhaps'],
    ['MaxRecvDataSegmentLength', '511'],
    ['MaxRecvDataSegmentLength', '16777216'],
    ['MaxRecvDataSegmentLength', '1e9'],
    ['MaxBurstLength', '16777215'],
    ['FirstBurstLength', '-1'],
    ['MaxOutstandingR2T', '8'],
    ['ErrorRecoveryLevel', '2'],
    ['DataPDUInOrder', 'No'],
    ['MaxConnections', '2'],
  ])('where the target answers %s=%s ends with an error', async (key, value) => {
    const script = scripted((pdu, talk) => reply(pdu, talk, {}, pdu.stage === 0 ? {} : { [key]: value }))
    await rejection(attempt(script, {}), 'protocol')
  })

  it('without a digest that was demanded ends with an error', async () => {
    const script = scripted((pdu, talk) => reply(pdu, talk, {}, pdu.stage === 0 ? {} : { HeaderDigest: 'None' }))
    expect((await rejection(attempt(script, { headerDigest: 'crc32c' }), 'protocol')).message).toContain('CRC32C')
    await attempt(script, { headerDigest: 'prefer-crc32c' })
  })

  it('answers what the target asks on its own', async () => {
    const asked: string[] = []
    const script: FakeTargetOptions = {
      misbehaviour: {
        onPdu: (pdu, data, talk) => {
          if (pdu.kind !== 'login' || pdu.stage === 0) return false
          const text = Buffer.from(data).toString()
          asked.push(text)
          if (text.includes('NotUnderstood')) reply(pdu, talk, {})
          else
            reply(
              pdu,
              talk,
              { isTransit: false, nextStage: 0, tsih: 0 },
              { 'X-what': '1', IFMarker: 'No', TargetAlias: 'a' },
            )
          return true
        },
      },
    }
    await attempt(script, {})
    expect(asked.at(-1)).toBe('X-what=NotUnderstood\0IFMarker=Reject\0')
  })

  it('that gets no answer ends in time, or when its caller gives up', async () => {
    const silent = scripted(() => {})
    await using target = await startFakeTarget(silent)
    const { host, port, name } = target
    await rejection(connectIscsi({ host, port, target: name }, { timeoutMs: 50 }), 'timeout')
    await expect(connectIscsi({ host, port, target: name }, { signal: AbortSignal.timeout(50) })).rejects.toThrow(
      'aborted',
    )
    await expect(
      connectIscsi({ host, port, target: name }, { signal: AbortSignal.abort(new Error('no')) }),
    ).rejects.toThrow('no')
    await rejection(connectIscsi({ host, port, target: name }, { timeoutMs: 0 }), 'usage')
  })

  it('that drips does not last longer than it may', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => {})
      const drip = setInterval(() => socket.write(Uint8Array.of(0x23)), 20)
      socket.once('close', () => clearInterval(drip))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as { readonly port: number }
    await rejection(connectIscsi({ host: '127.0.0.1', port, target: 'iqn.a:b' }, { timeoutMs: 300 }), 'timeout')
    await new Promise((resolve) => server.close(resolve))
  })

  it('that is cut says so', async () => {
    await rejection(
      attempt(
        scripted((_pdu, talk) => talk.hangUp()),
        {},
      ),
      'connect',
    )
    const half = scripted((pdu, talk) => (pdu.stage === 0 ? reply(pdu, talk, {}) : talk.hangUp()))
    expect((await rejection(attempt(half, {}), 'connect')).message).toContain('during the login')
  })
})
