import { describe, expect, it, vi } from 'vitest'
import type { IscsiErrorCode } from '../src/index.js'
import type { FakeMisbehaviour, FakeTalk, InitiatorPdu, TargetPdu } from '../src/testing/index.js'
import { rejection } from './support/failures.js'
import { blocksCdb } from './support/memory-disk.js'
import { pair, pairWith, testUnitReady } from './support/sessions.js'

type Command = InitiatorPdu & { readonly kind: 'scsi-command' }

/** A target that answers each command by a script. */
function answering(script: (pdu: Command, talk: FakeTalk) => void): FakeMisbehaviour {
  return {
    onPdu: (pdu, _data, talk) => {
      if (pdu.kind !== 'scsi-command') return false
      script(pdu, talk)
      return true
    },
  }
}

/** Gives a target that does not abort little time. */
const hasty = { abortTimeoutMs: 300 }
const noResidual = { kind: 'none', bytes: 0 } as const

function dataIn(tag: number, talk: FakeTalk, part: Partial<TargetPdu & { kind: 'data-in' }> = {}): TargetPdu {
  const place = { isFinal: true, hasStatus: false, status: 0, dataSn: 0, bufferOffset: 0, residual: noResidual }
  return { kind: 'data-in', tag, ...place, ...talk.numbers(), ...part }
}

function wanting(
  pdu: Command,
  talk: FakeTalk,
  part: Partial<TargetPdu & { kind: 'ready-to-transfer' }> = {},
): TargetPdu {
  const place = { transferTag: 1, r2tSn: 0, bufferOffset: 8192, desiredBytes: 8192 }
  return { kind: 'ready-to-transfer', lun: pdu.lun, tag: pdu.tag, ...place, ...talk.numbers(), ...part }
}

function good(tag: number, talk: FakeTalk): TargetPdu {
  const outcome = { response: 0, status: 0, residual: noResidual, expDataSn: 0 }
  return { kind: 'scsi-response', tag, ...outcome, ...talk.answerNumbers() }
}

const read = () => ({ cdb: blocksCdb('read', 0, 4096), dataIn: new Uint8Array(4096) })
const write = () => ({ cdb: blocksCdb('write', 0, 65_536), dataOut: new Uint8Array(65_536) })
const bytes = (length: number) => new Uint8Array(length).fill(7)
const header = (opcode: number, dataBytes = 0) => {
  const raw = Buffer.alloc(48)
  raw.writeUInt32BE(dataBytes, 4)
  raw[0] = opcode
  return raw
}

type Script = (pdu: Command, talk: FakeTalk) => void
const reads: readonly (readonly [string, IscsiErrorCode, Script])[] = [
  ['more data than was asked for', 'protocol', ({ tag }, talk) => talk.send(dataIn(tag, talk), bytes(8192))],
  [
    'data beyond the buffer',
    'protocol',
    ({ tag }, talk) => talk.send(dataIn(tag, talk, { bufferOffset: 4000 }), bytes(200)),
  ],
  [
    'data at an enormous offset',
    'protocol',
    ({ tag }, talk) => talk.send(dataIn(tag, talk, { bufferOffset: 0xffff_ff00 }), bytes(4)),
  ],
  [
    'data that skips a part',
    'protocol',
    ({ tag }, talk) => talk.send(dataIn(tag, talk, { bufferOffset: 512 }), bytes(512)),
  ],
  [
    'data with a number too high',
    'protocol',
    ({ tag }, talk) => talk.send(dataIn(tag, talk, { dataSn: 1 }), bytes(512)),
  ],
  [
    'the same data twice',
    'protocol',
    ({ tag }, talk) => {
      talk.send(dataIn(tag, talk), bytes(512))
      talk.send(dataIn(tag, talk), bytes(512))
    },
  ],
  ['data for another tag', 'protocol', ({ tag }, talk) => talk.send(dataIn(tag + 9, talk), bytes(512))],
  ['success without the data', 'protocol', ({ tag }, talk) => talk.send(good(tag, talk))],
  [
    'a status with data that is not the last',
    'protocol',
    ({ tag }, talk) =>
      talk.send(dataIn(tag, talk, { isFinal: false, hasStatus: true, ...talk.answerNumbers() }), bytes(4096)),
  ],
  ['an answer for another tag', 'protocol', ({ tag }, talk) => talk.send(good(tag + 1, talk))],
  [
    'an answer whose number skips one',
    'protocol',
    ({ tag }, talk) => {
      const numbers = talk.answerNumbers()
      talk.send(dataIn(tag, talk, { hasStatus: true, ...numbers, statSn: numbers.statSn + 5 }), bytes(4096))
    },
  ],
  ['a request for data', 'protocol', (pdu, talk) => talk.send(wanting(pdu, talk))],
  [
    'sense data longer than its response',
    'protocol',
    ({ tag }, talk) => talk.send({ ...good(tag, talk), status: 2 } as TargetPdu, Uint8Array.of(1, 0, 0x70)),
  ],
  ['a target failure', 'rejected', ({ tag }, talk) => talk.send({ ...good(tag, talk), response: 1 } as TargetPdu)],
  ['an opcode of nobody', 'protocol', (_pdu, talk) => talk.sendBytes(header(0x3c))],
  ['an opcode of the initiator', 'protocol', (_pdu, talk) => talk.sendBytes(header(0x01))],
  ['an answer to a login', 'protocol', (_pdu, talk) => talk.sendBytes(header(0x23))],
  ['a text of 16 MiB', 'protocol', (_pdu, talk) => talk.sendBytes(header(0x24, 2 ** 24 - 1))],
  ['a ping with 16 MiB of data', 'protocol', (_pdu, talk) => talk.sendBytes(header(0x20, 2 ** 24 - 1))],
  ['zeros', 'protocol', (_pdu, talk) => talk.sendBytes(new Uint8Array(4096))],
  [
    'the end in the middle of a header',
    'lost',
    (_pdu, talk) => {
      talk.sendBytes(header(0x25).subarray(0, 20))
      setTimeout(talk.hangUp, 20)
    },
  ],
  [
    'the end in the middle of data',
    'lost',
    ({ tag }, talk) => {
      const raw = header(0x25, 4096)
      raw.writeUInt32BE(tag, 16)
      talk.sendBytes(Buffer.concat([raw, bytes(100)]))
      setTimeout(talk.hangUp, 20)
    },
  ],
  [
    'a reject of the command',
    'rejected',
    ({ tag }, talk) => {
      const rejected = header(0x01)
      rejected.writeUInt32BE(tag, 16)
      talk.send({ kind: 'reject', reason: 5, ...talk.answerNumbers() }, rejected)
    },
  ],
  [
    'a reject of nothing',
    'protocol',
    (_pdu, talk) => talk.send({ kind: 'reject', reason: 5, ...talk.answerNumbers() }),
  ],
  [
    'word that it drops the connection',
    'lost',
    ({ lun }, talk) => talk.send({ kind: 'async', lun, event: 2, parameter3: 0, ...talk.answerNumbers() }),
  ],
  [
    'word that it has ended the tasks of the unit',
    'aborted',
    ({ lun }, talk) => talk.send({ kind: 'async', lun, event: 5, parameter3: 0, ...talk.answerNumbers() }),
  ],
]

describe('a read that is answered with', () => {
  it.each(reads)('%s ends with %s', async (_what, code, script) => {
    await using both = await pairWith(answering(script))
    await rejection(both.session.device(0).execute(read(), { timeoutMs: 10_000 }), code)
    if (code !== 'lost' && code !== 'protocol') return
    const reason = await both.session.closed
    expect(reason?.code).toBe(code)
    await rejection(both.session.device(0).execute(testUnitReady), 'closed')
  })
})

const writes: readonly (readonly [string, IscsiErrorCode, Script])[] = [
  [
    'a request for more than there is',
    'protocol',
    (pdu, talk) => talk.send(wanting(pdu, talk, { desiredBytes: 65_536 })),
  ],
  ['a request beyond the end', 'protocol', (pdu, talk) => talk.send(wanting(pdu, talk, { bufferOffset: 0xffff_0000 }))],
  ['a request for what was sent', 'protocol', (pdu, talk) => talk.send(wanting(pdu, talk, { bufferOffset: 0 }))],
  [
    'a request that leaves a part out',
    'protocol',
    (pdu, talk) => talk.send(wanting(pdu, talk, { bufferOffset: 16_384 })),
  ],
  ['a request for nothing', 'protocol', (pdu, talk) => talk.send(wanting(pdu, talk, { desiredBytes: 0 }))],
  ['a request without a tag', 'protocol', (pdu, talk) => talk.send(wanting(pdu, talk, { transferTag: 0xffff_ffff }))],
  ['a request with a number too high', 'protocol', (pdu, talk) => talk.send(wanting(pdu, talk, { r2tSn: 3 }))],
  ['data', 'protocol', ({ tag }, talk) => talk.send(dataIn(tag, talk), bytes(8))],
  ['success before the data was asked for', 'protocol', ({ tag }, talk) => talk.send(good(tag, talk))],
]

describe('a write that is answered with', () => {
  it.each(writes)('%s ends with %s', async (_what, code, script) => {
    await using both = await pairWith(answering(script))
    await rejection(both.session.device(0).execute(write(), { timeoutMs: 10_000 }), code)
  })

  it('more requests at once than were agreed on ends with protocol', async () => {
    const burst = 2 ** 22
    const script = answering((pdu, talk) => {
      talk.send(wanting(pdu, talk, { desiredBytes: burst }))
      talk.send(wanting(pdu, talk, { r2tSn: 1, bufferOffset: 8192 + burst, desiredBytes: burst }))
    })
    await using both = await pair({ misbehaviour: script, parameters: { maxBurstBytes: burst } })
    const command = { cdb: blocksCdb('write', 0, 512), dataOut: new Uint8Array(2 ** 24) }
    await rejection(both.session.device(0).execute(command), 'protocol')
  })

  it('silence, while nothing of it is taken, ends with the connection', async () => {
    const script: FakeMisbehaviour = {
      onPdu: (pdu, _data, talk) => {
        if (pdu.kind === 'scsi-command') {
          talk.send(wanting(pdu, talk, { desiredBytes: 2 ** 23 }))
          talk.stopReading()
        }
        return pdu.kind === 'scsi-command'
      },
    }
    await using both = await pair({ misbehaviour: script, parameters: { maxBurstBytes: 2 ** 23 } }, hasty)
    const command = { cdb: blocksCdb('write', 0, 512), dataOut: new Uint8Array(2 ** 24) }
    await rejection(both.session.device(0).execute(command, { timeoutMs: 200 }), 'timeout')
    expect((await both.session.closed)?.message).toContain('does not end a task')
  })

  it('a status, while nothing of it is taken, keeps the buffer until the connection is given up', async () => {
    const script: FakeMisbehaviour = {
      onPdu: (pdu, _data, talk) => {
        if (pdu.kind !== 'scsi-command') return false
        talk.stopReading()
        talk.send(wanting(pdu, talk, { desiredBytes: 2 ** 23 }))
        setTimeout(() => talk.send({ ...good(pdu.tag, talk), status: 8 } as TargetPdu), 50)
        return true
      },
    }
    await using both = await pair({ misbehaviour: script, parameters: { maxBurstBytes: 2 ** 23 } }, hasty)
    const command = { cdb: blocksCdb('write', 0, 512), dataOut: new Uint8Array(2 ** 24) }
    expect(await both.session.device(0).execute(command)).toMatchObject({ status: 8 })
    expect((await both.session.closed)?.message).toContain('does not take what is sent')
  })

  it('a status, while data is on its way, gets no more of it than was sent', async () => {
    const script = answering((pdu, talk) => {
      talk.send(wanting(pdu, talk, { desiredBytes: 2 ** 23 }))
      talk.send({ ...good(pdu.tag, talk), status: 8 } as TargetPdu)
    })
    await using both = await pair({ misbehaviour: script, parameters: { maxBurstBytes: 2 ** 23 } })
    const command = { cdb: blocksCdb('write', 0, 512), dataOut: new Uint8Array(2 ** 24) }
    expect(await both.session.device(0).execute(command)).toMatchObject({ status: 8 })
    await both.session.ping()
    // Of 1024 PDUs, those that were with the socket already.
    expect(both.target.arrivals.filter((kind) => kind === 'data-out').length).toBeLessThan(500)
  })

  it('a status, and requests for data after it, ends the connection', async () => {
    const script = answering((pdu, talk) => {
      talk.send({ ...good(pdu.tag, talk), status: 8 } as TargetPdu)
      talk.send(wanting(pdu, talk))
    })
    await using both = await pairWith(script)
    expect(await both.session.device(0).execute(write())).toMatchObject({ status: 8, dataInBytes: 0 })
    expect((await both.session.closed)?.code).toBe('protocol')
  })
})

describe('a target that', () => {
  it('sends data after the status loses the connection', async () => {
    const script = answering(({ tag }, talk) => {
      talk.send(dataIn(tag, talk, { hasStatus: true, ...talk.answerNumbers() }), bytes(4096))
      talk.send(dataIn(tag, talk, { dataSn: 1 }), bytes(8))
    })
    await using both = await pairWith(script)
    const command = read()
    expect(await both.session.device(0).execute(command)).toMatchObject({ status: 0, dataInBytes: 4096 })
    expect(command.dataIn).toEqual(bytes(4096))
    expect((await both.session.closed)?.code).toBe('protocol')
  })

  it('drips its answer is given up, and the abort, too', async () => {
    const script = answering(({ tag }, talk) => {
      const whole = header(0x25, 4096)
      whole.writeUInt32BE(tag, 16)
      const drip = setInterval(() => talk.sendBytes(whole.subarray(0, 1)), 30)
      setTimeout(() => clearInterval(drip), 2000)
    })
    await using both = await pairWith(script, hasty)
    const started = performance.now()
    await rejection(both.session.device(0).execute(read(), { timeoutMs: 200 }), 'timeout')
    expect(performance.now() - started).toBeLessThan(20_000)
    expect((await both.session.closed)?.code).toBe('lost')
  })

  it('asks for endless signs of life, and takes none, loses the connection', async () => {
    const ping = header(0x20)
    ping.fill(0xff, 16, 20)
    const script: FakeMisbehaviour = {
      onPdu: (pdu, _data, talk) => {
        if (pdu.kind !== 'scsi-command') return false
        talk.stopReading()
        const many = Buffer.concat(Array.from({ length: 20_000 }, () => ping))
        for (let times = 0; times < 50; times++) talk.sendBytes(many)
        return true
      },
    }
    await using both = await pairWith(script)
    const { message } = await rejection(both.session.device(0).execute(testUnitReady), 'protocol')
    expect(message).toContain('signs of life')
  })

  it('asks for signs of life gets them, and the commands go on', async () => {
    const lun = new Uint8Array(8)
    const script: FakeMisbehaviour = {
      onPdu: (pdu, _data, talk) => {
        if (pdu.kind !== 'scsi-command') return pdu.kind === 'nop-out'
        for (let count = 1; count <= 100; count++)
          talk.send({ kind: 'nop-in', lun, tag: 0xffff_ffff, transferTag: count, ...talk.numbers() })
        talk.send(good(pdu.tag, talk))
        return true
      },
    }
    await using both = await pairWith(script)
    expect(await both.session.device(0).execute(testUnitReady)).toMatchObject({ status: 0 })
    await vi.waitFor(() => expect(both.target.arrivals.filter((kind) => kind === 'nop-out')).toHaveLength(100))
  })

  it('says nothing to a ping is waited for no longer than that', async () => {
    await using both = await pairWith({ onPdu: (pdu) => pdu.kind === 'nop-out' })
    await rejection(both.session.ping({ timeoutMs: 50 }), 'timeout')
    expect(await both.session.device(0).execute(testUnitReady)).toMatchObject({ status: 0 })
  })

  it('says nothing to a logout does not keep anybody waiting', async () => {
    const both = await pairWith({ onPdu: (pdu) => pdu.kind === 'logout' })
    const started = performance.now()
    await both[Symbol.asyncDispose]()
    expect(performance.now() - started).toBeLessThan(20_000)
  })

  it('sends a wrong digest of a header or of data is caught', async () => {
    for (const at of [10, 49, 60, -1]) {
      const corrupt: FakeMisbehaviour = {
        onBytes: (raw, pdu) => {
          if (pdu.kind === 'data-in') raw[at < 0 ? raw.length + at : at]! ^= 0x10
          return raw
        },
      }
      const both = await pairWith(corrupt, { headerDigest: 'crc32c', dataDigest: 'crc32c' })
      const { hint } = await rejection(both.session.device(0).execute(read()), 'digest')
      expect(hint).toContain('network')
      await both[Symbol.asyncDispose]()
    }
  })
})
