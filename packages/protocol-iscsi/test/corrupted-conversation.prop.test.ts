import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { connectIscsi, isIscsiError } from '../src/index.js'
import { type FakeMisbehaviour, startFakeTarget } from '../src/testing/index.js'
import { blocksCdb, memoryDisk } from './support/memory-disk.js'
import { pattern } from './support/sessions.js'

/** What happens to one of the target's PDUs. */
interface Damage {
  /** Which PDU, from the login on. */
  readonly pdu: number
  readonly kind: 'flip' | 'cut' | 'twice' | 'drop' | 'noise'
  readonly place: number
  readonly value: number
}

const damage: fc.Arbitrary<Damage> = fc.record({
  pdu: fc.nat(14),
  kind: fc.constantFrom('flip', 'flip', 'flip', 'cut', 'twice', 'drop', 'noise'),
  place: fc.oneof(fc.nat(47), fc.nat(100_000)),
  value: fc.integer({ min: 1, max: 255 }),
})

function doing(damages: readonly Damage[], mayTouchLogin: boolean): FakeMisbehaviour {
  let count = 0
  return {
    onBytes: (bytes, pdu) => {
      if (!mayTouchLogin && pdu.kind === 'login-response') return bytes
      const now = count++
      return damages.filter((one) => one.pdu === now).reduce(damaged, bytes)
    },
  }
}

function damaged(bytes: Uint8Array, { kind, place, value }: Damage): Uint8Array {
  const at = bytes.length === 0 ? 0 : place % bytes.length
  switch (kind) {
    case 'flip':
      if (bytes.length > 0) bytes[at]! ^= value
      return bytes
    case 'cut':
      return bytes.subarray(0, at)
    case 'twice':
      return Buffer.concat([bytes, bytes])
    case 'drop':
      return new Uint8Array(0)
    case 'noise':
      return Buffer.concat([bytes, pattern(value, place + 1)])
  }
}

const lengthBytes = 40_960

interface Patience {
  readonly loginMs: number
  readonly commandMs: number
  readonly abortMs: number
}

const long: Patience = { loginMs: 60_000, commandMs: 60_000, abortMs: 60_000 }
const short: Patience = { loginMs: 200, commandMs: 150, abortMs: 30 }

/** Writes and reads at once; counts the reads that are good, and those that say so and are not. */
async function converse(misbehaviour: FakeMisbehaviour, digest: 'none' | 'crc32c', patience: Patience) {
  const disk = memoryDisk(2 ** 18)
  const parameters = { maxBurstBytes: 16_384, receiveSegmentBytes: 4096 }
  await using target = await startFakeTarget({ units: new Map([[0, disk]]), misbehaviour, parameters })
  const { host, port, name } = target
  const how = { headerDigest: digest, dataDigest: digest, receiveSegmentBytes: 8192 } as const
  const session = await connectIscsi(
    { host, port, target: name, abortTimeoutMs: patience.abortMs, ...how },
    { timeoutMs: patience.loginMs },
  )
  try {
    const device = session.device(0)
    const dataOut = pattern(lengthBytes, 5)
    const limit = { timeoutMs: patience.commandMs }
    const writing = device.execute({ cdb: blocksCdb('write', 0, lengthBytes), dataOut }, limit)
    const cdb = blocksCdb('read', 0, lengthBytes)
    const reads = [0, 1, 2].map(async () => {
      const dataIn = new Uint8Array(lengthBytes)
      const { status } = await device.execute({ cdb, dataIn }, limit)
      return { status, isSame: Buffer.compare(dataIn, dataOut) === 0 }
    })
    const [written, pinged, ...results] = await Promise.allSettled([writing, session.ping(limit), ...reads])
    for (const one of [written, pinged, ...results])
      if (one.status === 'rejected' && !isIscsiError(one.reason)) throw one.reason
    const said = results.flatMap((one) => (one.status === 'fulfilled' && one.value.status === 0 ? [one.value] : []))
    const isWritten = written.status === 'fulfilled' && written.value.status === 0
    return {
      good: said.filter(({ isSame }) => isSame).length,
      wrong: isWritten ? said.filter(({ isSame }) => !isSame).length : 0,
    }
  } finally {
    // A logout that gets no answer takes its time; here it is enough to know that it ends, which other tests do.
    target.cut()
    await session[Symbol.asyncDispose]()
  }
}

describe('a conversation that is damaged at random', () => {
  it('ends for everybody, in time, with answers or errors of ours', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(damage, { minLength: 1, maxLength: 4 }), async (damages) => {
        await converse(doing(damages, true), 'none', short).catch((error: unknown) => {
          if (!isIscsiError(error)) throw error
        })
      }),
      { numRuns: 150 },
    )
  })

  it('never passes wrong data off as good, where there are digests', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(damage, { minLength: 1, maxLength: 4 }), async (damages) => {
        const { wrong } = await converse(doing(damages, false), 'crc32c', { ...short, loginMs: long.loginMs })
        expect(wrong).toBe(0)
      }),
      { numRuns: 100 },
    )
  })

  it('goes well without the damage', async () => {
    expect(await converse({}, 'none', long)).toEqual({ good: 3, wrong: 0 })
  })
})
