import { inspect } from 'node:util'
import { describe, expect, it, vi } from 'vitest'
import { connectIscsi, discoverTargets } from '../src/index.js'
import { startFakeTarget } from '../src/testing/index.js'
import { rejection } from './support/failures.js'
import { blocksCdb, memoryDisk } from './support/memory-disk.js'
import { pair, pairWith, pattern, testUnitReady } from './support/sessions.js'

const block = 512

describe('data', () => {
  it.each([
    ['only when it is asked for', { initialR2T: true, immediateData: false, maxBurstBytes: 16_384 }],
    ['with the command, then when it is asked for', { initialR2T: true, immediateData: true, maxBurstBytes: 16_384 }],
    ['unasked after the command', { initialR2T: false, immediateData: false, firstBurstBytes: 20_480 }],
    ['with the command and unasked after it', { initialR2T: false, immediateData: true, firstBurstBytes: 20_480 }],
    ['with digests', { headerDigest: true, dataDigest: true, initialR2T: false, receiveSegmentBytes: 1000 }],
    ['with its status apart', { statusWithData: false, maxBurstBytes: 2000 }],
  ] as const)('goes out %s, and comes back the same', async (_how, parameters) => {
    const digest = 'headerDigest' in parameters ? 'crc32c' : 'none'
    await using both = await pair(
      { parameters },
      { headerDigest: digest, dataDigest: digest, receiveSegmentBytes: 3000 },
    )
    const device = both.session.device(0)
    for (const lengthBytes of [block, 8192, 8704, 20_480, 200 * block, 1200 * block]) {
      const dataOut = pattern(lengthBytes, lengthBytes)
      expect(await device.execute({ cdb: blocksCdb('write', 3, lengthBytes), dataOut })).toMatchObject({ status: 0 })
      expect(both.disk.bytes.subarray(3 * block, 3 * block + lengthBytes)).toEqual(dataOut)
      const dataIn = new Uint8Array(lengthBytes)
      const answer = await device.execute({ cdb: blocksCdb('read', 3, lengthBytes), dataIn })
      expect(answer).toEqual({
        status: 0,
        sense: new Uint8Array(0),
        dataInBytes: lengthBytes,
        residual: { kind: 'none', bytes: 0 },
      })
      expect(dataIn).toEqual(dataOut)
    }
  })

  it('that is less than was expected says how much', async () => {
    await using both = await pair()
    const dataIn = new Uint8Array(255)
    const answer = await both.session.device(0).execute({ cdb: Uint8Array.of(0x12, 0, 0, 0, 255, 0), dataIn })
    expect(answer).toMatchObject({ status: 0, dataInBytes: 36, residual: { kind: 'underflow', bytes: 219 } })
    expect(Buffer.from(dataIn.subarray(8, 16)).toString()).toBe('HOLDFAST')
  })

  it('comes with sense data when the unit refuses', async () => {
    await using both = await pair()
    const answer = await both.session.device(0).execute({ cdb: Uint8Array.of(0xc0, 0, 0, 0, 0, 0) })
    expect(answer.status).toBe(2)
    expect([...answer.sense.subarray(0, 14)]).toEqual([0x70, 0, 5, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x20, 0])
  })
})

describe('commands', () => {
  it('are sent in order, no more than the window of the target allows', async () => {
    const gate = Promise.withResolvers<void>()
    const disk = memoryDisk(2 ** 20, async () => await gate.promise)
    await using both = await pair({ disk, units: new Map([[0, disk]]), parameters: { window: 3 } })
    const device = both.session.device(0)
    const runs = Array.from({ length: 20 }, (_, index) =>
      device.execute({ cdb: blocksCdb('write', index, block), dataOut: pattern(block, index) }),
    )
    await vi.waitFor(() => expect(both.target.arrivals.filter((kind) => kind === 'scsi-command')).toHaveLength(3))
    gate.resolve()
    for (const answer of await Promise.all(runs)) expect(answer.status).toBe(0)
    expect(disk.bytes.subarray(19 * block, 20 * block)).toEqual(pattern(block, 19))
  })

  it('are no more at once than the caller wants', async () => {
    const gate = Promise.withResolvers<void>()
    const disk = memoryDisk(2 ** 20, async () => await gate.promise)
    await using both = await pair({ disk, units: new Map([[0, disk]]) }, { maxCommands: 2 })
    const runs = Array.from({ length: 5 }, () => both.session.device(0).execute(testUnitReady))
    await vi.waitFor(() => expect(disk.asked.length).toBeGreaterThan(0))
    await both.session.ping()
    expect(both.target.arrivals.filter((kind) => kind === 'scsi-command')).toHaveLength(2)
    gate.resolve()
    await Promise.all(runs)
  })

  it('that cannot be on the wire are refused', async () => {
    await using both = await pair()
    const device = both.session.device(0)
    await rejection(device.execute({ cdb: new Uint8Array(5) }), 'usage')
    await rejection(device.execute({ cdb: new Uint8Array(17) }), 'usage')
    await rejection(
      device.execute({ cdb: new Uint8Array(6), dataIn: new Uint8Array(1), dataOut: new Uint8Array(1) }),
      'usage',
    )
    expect(() => both.session.device(0x4000)).toThrow('logical unit')
    expect(both.target.arrivals).not.toContain('scsi-command')
  })

  it('reach the unit that they are for', async () => {
    const disks = new Map([0, 5, 300].map((lun) => [lun, memoryDisk(2 ** 20)] as const))
    await using both = await pair({ units: disks })
    expect(await both.session.reportLuns()).toEqual([0, 5, 300])
    await both.session.device(300).execute({ cdb: blocksCdb('write', 0, block), dataOut: pattern(block) })
    expect(disks.get(300)?.bytes.subarray(0, block)).toEqual(pattern(block))
    expect(await both.session.device(7).execute(testUnitReady)).toMatchObject({ status: 2 })
  })
})

/** A disk whose commands take until they are aborted. */
function endlessDisk() {
  let aborted = 0
  const disk = memoryDisk(2 ** 20, async ({ cdb }, signal) => {
    if (cdb[0] === 0x12) return
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
    aborted++
  })
  return { disk, aborted: () => aborted }
}

describe('a command that takes too long', () => {
  it('is aborted by the target when its caller gives up', async () => {
    const { disk, aborted } = endlessDisk()
    await using both = await pair({ units: new Map([[0, disk]]) })
    const controller = new AbortController()
    const run = both.session.device(0).execute(testUnitReady, { signal: controller.signal })
    await vi.waitFor(() => expect(disk.asked).toHaveLength(1))
    controller.abort(new Error('enough'))
    await expect(run).rejects.toThrow('enough')
    expect(aborted()).toBe(1)
    expect(both.target.arrivals).toContain('task-management')
    await both.session.ping()
  })

  it('is aborted when its time is over, and others go on', async () => {
    const { disk } = endlessDisk()
    await using both = await pair({
      units: new Map([
        [0, disk],
        [1, memoryDisk(2 ** 20)],
      ]),
    })
    const { message } = await rejection(both.session.device(0).execute(testUnitReady, { timeoutMs: 50 }), 'timeout')
    expect(message).toContain('Nobody knows')
    expect(await both.session.device(1).execute(testUnitReady)).toMatchObject({ status: 0 })
  })

  it('and waits for its turn is not sent once its caller gave up', async () => {
    const { disk } = endlessDisk()
    await using both = await pair({ units: new Map([[0, disk]]) }, { maxCommands: 1 })
    const first = both.session.device(0).execute(testUnitReady, { timeoutMs: 300 })
    first.catch(() => {})
    const { message } = await rejection(both.session.device(0).execute(testUnitReady, { timeoutMs: 50 }), 'timeout')
    expect(message).toContain('not sent')
    const aborted = both.session.device(0).execute(testUnitReady, { signal: AbortSignal.timeout(20) })
    await expect(aborted).rejects.toThrow('aborted due to timeout')
    await rejection(first, 'timeout')
    expect(both.target.arrivals.filter((kind) => kind === 'scsi-command')).toHaveLength(1)
  })

  it('is given its answer when that comes before the abort', async () => {
    const disk = memoryDisk(2 ** 20)
    const late: (() => void)[] = []
    await using both = await pair({
      units: new Map([[0, disk]]),
      misbehaviour: {
        onPdu: (pdu, _data, talk) => {
          if (pdu.kind === 'scsi-command')
            late.push(() => {
              const outcome = { response: 0, status: 8, residual: { kind: 'none', bytes: 0 }, expDataSn: 0 } as const
              talk.send({ kind: 'scsi-response', tag: pdu.tag, ...outcome, ...talk.answerNumbers() })
            })
          if (pdu.kind === 'task-management') late[0]?.()
          return pdu.kind === 'scsi-command'
        },
      },
    })
    expect(await both.session.device(0).execute(testUnitReady, { timeoutMs: 50 })).toMatchObject({ status: 8 })
    await both.session.ping()
  })

  it('and is not aborted by the target either costs the connection', async () => {
    const { disk } = endlessDisk()
    await using both = await pair(
      {
        units: new Map([[0, disk]]),
        misbehaviour: { onPdu: (pdu) => pdu.kind === 'task-management' },
      },
      { abortTimeoutMs: 300 },
    )
    const other = both.session.device(0).execute(testUnitReady)
    const run = both.session.device(0).execute(testUnitReady, { timeoutMs: 30 })
    await rejection(run, 'timeout')
    expect((await rejection(other, 'lost')).message).toContain('Nobody knows whether')
  })
})

describe('a session', () => {
  it('resets a unit, and ends what it had in flight', async () => {
    const { disk } = endlessDisk()
    const gate = Promise.withResolvers<void>()
    const disks = [disk, memoryDisk(2 ** 20, async () => await gate.promise)]
    await using both = await pair({ units: new Map(disks.entries()) })
    const run = both.session.device(0).execute(testUnitReady)
    const other = both.session.device(1).execute(testUnitReady)
    await vi.waitFor(() => expect(disks.flatMap(({ asked }) => asked)).toHaveLength(2))
    await both.session.resetUnit(0)
    await rejection(run, 'aborted')
    gate.resolve()
    expect(await other).toMatchObject({ status: 0 })
    await rejection(both.session.resetUnit(9), 'rejected')
  })

  it('that loses its connection says so to everybody, and sends nothing again', async () => {
    const { disk } = endlessDisk()
    await using both = await pair({ units: new Map([[0, disk]]) }, { maxCommands: 2 })
    const runs = [1, 2, 3].map(() => both.session.device(0).execute(testUnitReady))
    for (const run of runs) run.catch(() => {})
    const ping = both.session.ping({ timeoutMs: 10_000 })
    await ping
    both.target.cut()
    expect((await rejection(runs[0]!, 'lost')).message).toContain('Nobody knows')
    await rejection(runs[1]!, 'lost')
    expect((await rejection(runs[2]!, 'closed')).message).toContain('not sent')
    await rejection(both.session.ping(), 'closed')
    expect((await both.session.closed)?.code).toBe('lost')
    await using again = await both.session.reconnect()
    await again.ping()
    expect(both.target.arrivals.filter((kind) => kind === 'scsi-command')).toHaveLength(2)
  })

  it('leaves when the target asks for it, and answers are waited for', async () => {
    const gate = Promise.withResolvers<void>()
    const disk = memoryDisk(2 ** 20, async () => await gate.promise)
    const lun = new Uint8Array(8)
    await using both = await pair({
      units: new Map([[0, disk]]),
      misbehaviour: {
        onPdu: (pdu, _data, talk) => {
          if (pdu.kind === 'nop-out')
            talk.send({ kind: 'async', lun, event: 1, parameter3: 5, ...talk.answerNumbers() })
          return false
        },
      },
    })
    const run = both.session.device(0).execute(testUnitReady)
    await both.session.ping()
    await vi.waitFor(async () => await rejection(both.session.device(0).execute(testUnitReady), 'closed'))
    gate.resolve()
    expect(await run).toMatchObject({ status: 0 })
    expect((await both.session.closed)?.message).toContain('asked for a logout')
    await vi.waitFor(() => expect(both.target.arrivals).toContain('logout'))
  })

  it('logs out when it is disposed, and takes no more', async () => {
    const both = await pair()
    await both.session[Symbol.asyncDispose]()
    expect(both.target.arrivals.at(-1)).toBe('logout')
    expect(await both.session.closed).toBeUndefined()
    await rejection(both.session.device(0).execute(testUnitReady), 'closed')
    await both[Symbol.asyncDispose]()
  })

  it('that is disposed with commands in flight does not wait for them', async () => {
    const { disk } = endlessDisk()
    const both = await pair({ units: new Map([[0, disk]]) })
    const run = both.session.device(0).execute(testUnitReady)
    await vi.waitFor(() => expect(disk.asked).toHaveLength(1))
    await Promise.all([rejection(run, 'lost'), both.session[Symbol.asyncDispose]()])
    await both[Symbol.asyncDispose]()
  })

  it('does not show the secrets that it was given', async () => {
    const chap = { name: 'user', secret: 'the-secret-of-us', mutual: { name: 'library', secret: 'the-secret-of-them' } }
    const both = await pair({ chap }, { chap })
    const shown = inspect(both.session, { depth: 9, showHidden: true }) + JSON.stringify(both.session)
    expect(shown).not.toContain('the-secret')
    await both[Symbol.asyncDispose]()
    const { host, port, name } = both.target
    const error: unknown = await connectIscsi({ host, port, target: name, chap }).catch((reason: unknown) => reason)
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('the-secret')
  })
})

describe('discovery', () => {
  it('finds the target of a portal', async () => {
    await using target = await startFakeTarget()
    const { host, port, name } = target
    expect(await discoverTargets({ host, port })).toEqual([{ name, addresses: [{ host, port, group: 1 }] }])
    expect(target.arrivals).toEqual(['login', 'login', 'text', 'logout'])
  })

  it('gathers an answer that comes in parts, and ends one that never ends', async () => {
    const names = ['iqn.a:one', 'iqn.a:two']
    let part = 0
    await using parts = await startFakeTarget({
      misbehaviour: {
        onPdu: (pdu, _data, talk) => {
          if (pdu.kind !== 'text') return false
          const isFinal = ++part === 3
          const about = { isFinal, continues: !isFinal, tag: pdu.tag, transferTag: isFinal ? 0xffff_ffff : 3 }
          const text = `TargetName=${names[0]}\0TargetAddress=[::1]:99,2\0TargetName=${names[1]}\0`
          talk.send(
            { kind: 'text-response', ...about, ...talk.answerNumbers() },
            Buffer.from(text.slice((part - 1) * 20, isFinal ? undefined : part * 20)),
          )
          return true
        },
      },
    })
    const { host, port } = parts
    expect(await discoverTargets({ host, port })).toEqual([
      { name: names[0], addresses: [{ host: '::1', port: 99, group: 2 }] },
      { name: names[1], addresses: [{ host, port }] },
    ])
    let answers = 0
    await using endless = await startFakeTarget({
      misbehaviour: {
        onPdu: (pdu, _data, talk) => {
          if (pdu.kind !== 'text') return false
          answers++
          const about = { isFinal: false, continues: true, tag: pdu.tag, transferTag: 3 }
          talk.send({ kind: 'text-response', ...about, ...talk.answerNumbers() }, new Uint8Array(8000).fill(65))
          return true
        },
      },
    })
    await rejection(discoverTargets({ host: endless.host, port: endless.port }), 'protocol')
    expect(answers * 8000).toBeLessThan(2 ** 21)
  })

  it('of a portal where nobody listens says so', async () => {
    const target = await startFakeTarget()
    await target[Symbol.asyncDispose]()
    const { hint } = await rejection(discoverTargets({ host: target.host, port: target.port }), 'connect')
    expect(hint).toContain('port')
    await using both = await pairWith({})
    await rejection(discoverTargets({ host: both.target.host, port: 70_000 }), 'usage')
  })
})
