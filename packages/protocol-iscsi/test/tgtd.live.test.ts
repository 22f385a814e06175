import { cuttingProxy, skipsWithout, startTgtd, type TgtdLibrary, type TgtdOptions } from 'holdfast-lab'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ConnectIscsiOptions, connectIscsi, discoverTargets, type IscsiSession } from '../src/index.js'
import { rejection } from './support/failures.js'
import { pattern } from './support/sessions.js'
import { good, loadedDrive, readBlock, rewind, senseKey, writeBlock, writeFilemark } from './support/tape-commands.js'

const tuned = {
  MaxRecvDataSegmentLength: 262_144,
  MaxXmitDataSegmentLength: 262_144,
  FirstBurstLength: 262_144,
  MaxBurstLength: 1_048_576,
  InitialR2T: 'No',
}
const cartridges = [{ sizeMib: 64 }, { sizeMib: 4 }]
const kib = 1024

async function sessionWith(
  { host, port, target }: TgtdLibrary,
  how: Partial<ConnectIscsiOptions> = {},
): Promise<IscsiSession> {
  return await connectIscsi({ host, port, target, ...how })
}

const settings: readonly (readonly [string, TgtdOptions, Partial<ConnectIscsiOptions>])[] = [
  ['what tgtd does by itself, 8 KiB segments', { cartridges }, {}],
  ['segments of 256 KiB, data unasked', { cartridges, parameters: tuned }, {}],
  [
    'small segments both ways',
    { cartridges },
    { receiveSegmentBytes: 4096, firstBurstBytes: 4096, maxBurstBytes: 16_384 },
  ],
  [
    'digests of headers and data',
    { cartridges, parameters: { ...tuned, HeaderDigest: 'CRC32C,None', DataDigest: 'CRC32C,None' } },
    { headerDigest: 'crc32c', dataDigest: 'crc32c' },
  ],
]

describe.skipIf(skipsWithout('tgt')).each(settings)('a tape of tgtd, with %s', (_name, options, how) => {
  let library: TgtdLibrary
  let session: IscsiSession
  beforeAll(async () => {
    library = await startTgtd(options)
    session = await sessionWith(library, how)
  })
  afterAll(async () => {
    await session?.[Symbol.asyncDispose]()
    await library?.stop()
  })

  it('agrees on what was set', () => {
    const { headerDigest, dataDigest, sendSegmentBytes, initialR2T } = session.parameters
    const isTuned = options.parameters !== undefined
    expect(sendSegmentBytes).toBe(isTuned ? 262_144 : 8192)
    expect(initialR2T).toBe(!isTuned)
    expect([headerDigest, dataDigest]).toEqual(how.headerDigest === undefined ? [false, false] : [true, true])
  })

  it('is discovered, lists its units and tells what they are', async () => {
    const { host, port, target } = library
    expect(await discoverTargets({ host, port })).toEqual([{ name: target, addresses: [{ host, port, group: 1 }] }])
    expect(await session.reportLuns()).toEqual([0, ...library.driveLuns, library.changerLun])
    const dataIn = new Uint8Array(255)
    const inquiry = { cdb: Uint8Array.of(0x12, 0, 0, 0, 255, 0), dataIn }
    expect(await good(session.device(1).execute(inquiry))).toMatchObject({ residual: { kind: 'underflow' } })
    expect(dataIn[0]! & 31).toBe(1)
    expect(Buffer.from(dataIn.subarray(8, 32)).toString()).toBe('IBM     ULT3580-TD5     ')
    expect(await senseKey(session.device(2))).toBe(2)
    expect((await session.device(2).execute({ cdb: Uint8Array.of(0x2b, 0, 0, 0, 0, 0, 0, 0, 0, 0) })).sense[12]).toBe(
      0x20,
    )
    await session.ping()
  })

  it('gives back what was written, in blocks of any size, with many commands in flight', async () => {
    const drive = await loadedDrive(session, library.changerLun)
    const blocks = [1, 512, 8191, 64 * kib, 256 * kib, 1024 * kib, 3, 256 * kib].map((size, index) =>
      pattern(size, index),
    )
    for (const block of blocks) await good(writeBlock(drive, block))
    const many = Array.from({ length: 16 }, (_, index) => pattern(256 * kib, 100 + index))
    await Promise.all(many.map(async (block) => await good(writeBlock(drive, block))))
    await writeFilemark(drive)
    await rewind(drive)
    for (const block of blocks) {
      const back = new Uint8Array(block.length)
      expect(await good(readBlock(drive, back))).toMatchObject({ dataInBytes: block.length })
      expect(Buffer.compare(back, block)).toBe(0)
    }
    const backs = many.map(({ length }) => new Uint8Array(length))
    await Promise.all(backs.map(async (back) => await good(readBlock(drive, back))))
    for (const [index, back] of backs.entries()) expect(Buffer.compare(back, many[index]!)).toBe(0)
    const atMark = await readBlock(drive, new Uint8Array(512))
    expect(atMark.status).toBe(2)
    expect(atMark.sense[2]! & 0x80).toBe(0x80)
  })

  it('is reset, and says so with the next command', async () => {
    const drive = session.device(1)
    expect(await senseKey(drive)).toBe(0)
    await session.resetUnit(1)
    const { status, sense } = await drive.execute({ cdb: new Uint8Array(6) })
    expect([status, sense[2]! & 15, sense[12]]).toEqual([2, 6, 0x29])
    expect(await senseKey(drive)).toBe(0)
  })
})

describe.skipIf(skipsWithout('tgt'))('tgtd that demands CHAP', () => {
  const user = { name: 'backup', secret: 'secret12chars' }
  const mutual = { name: 'library', secret: 'other-secret12' }

  it('in one direction lets in who knows the secret', async () => {
    await using library = await startTgtd({ cartridges, chap: user })
    await using session = await sessionWith(library, { chap: user })
    await session.ping()
    const refused = { loginStatus: 0x0201, hint: expect.stringContaining('CHAP') }
    expect(await rejection(sessionWith(library, { chap: { ...user, secret: 'wrong-secret1' } }), 'auth')).toMatchObject(
      refused,
    )
    expect(await rejection(sessionWith(library, { chap: { ...user, name: 'nobody' } }), 'auth')).toMatchObject(refused)
    expect(await rejection(sessionWith(library), 'auth')).toMatchObject(refused)
    // This tgtd knows MD5 only, and refuses a list that begins with SHA-256: it takes its number for something else.
    await using _listed = await sessionWith(library, { chap: { ...user, algorithms: ['sha1', 'md5'] } })
    const unknown = { ...user, algorithms: ['sha256', 'md5'] as const }
    expect(await rejection(sessionWith(library, { chap: unknown }), 'login')).toMatchObject({ loginStatus: 0x0200 })
    // It proves nothing by itself, which a caller who wants proof must learn.
    await rejection(sessionWith(library, { chap: { ...user, mutual } }), 'auth')
  })

  it('in both directions proves itself', async () => {
    await using library = await startTgtd({ cartridges, chap: { ...user, mutual } })
    await using session = await sessionWith(library, { chap: { ...user, mutual } })
    await session.ping()
    const { message } = await rejection(
      sessionWith(library, { chap: { ...user, mutual: { ...mutual, secret: 'not-that-one' } } }),
      'auth',
    )
    expect(message).toContain('does not know the secret')
    await using _oneWay = await sessionWith(library, { chap: user })
  })
})

describe.skipIf(skipsWithout('tgt'))('tgtd', () => {
  let library: TgtdLibrary
  beforeAll(async () => {
    library = await startTgtd({ cartridges })
  })
  afterAll(async () => await library?.stop())

  it('has no other target, and says None to digests unless they are allowed', async () => {
    const { hint } = await rejection(
      sessionWith(library, { target: 'iqn.2026-01.io.holdfast.lab:none' }),
      'unknown-target',
    )
    expect(hint).toContain('discoverTargets')
    await using preferring = await sessionWith(library, { headerDigest: 'prefer-crc32c', dataDigest: 'prefer-crc32c' })
    expect(preferring.parameters).toMatchObject({ headerDigest: false, dataDigest: false })
    await rejection(sessionWith(library, { dataDigest: 'crc32c' }), 'protocol')
  })

  it('that is killed with commands in flight leaves their fate open, and what it confirmed on the tape', async () => {
    await library.restart()
    await using session = await sessionWith(library)
    const drive = await loadedDrive(session, library.changerLun)
    await good(writeBlock(drive, pattern(1000, 1)))
    await good(writeBlock(drive, pattern(1000, 2)))
    const dataOut = pattern(1024 * kib, 3)
    const writes = Array.from({ length: 8 }, async () => await writeBlock(drive, dataOut))
    const outcomes = Promise.allSettled(writes)
    const [killed] = await Promise.all([library.kill('SIGKILL'), outcomes])
    expect(killed).toBeUndefined()
    const codes = (await outcomes).flatMap((one) => (one.status === 'rejected' ? [one.reason.code] : []))
    expect(codes.length).toBeGreaterThan(0)
    expect([...new Set(codes)]).toEqual(['lost'])
    expect((await session.closed)?.code).toBe('lost')
    await rejection(session.reconnect(), 'connect')

    await library.restart()
    await using again = await session.reconnect()
    const same = await loadedDrive(again, library.changerLun)
    for (const seed of [1, 2]) {
      const back = new Uint8Array(1000)
      await good(readBlock(same, back))
      expect(back).toEqual(pattern(1000, seed))
    }
  })

  it('whose connection is cut within a write is reconnected to, and the position is found again', async () => {
    await library.restart()
    await using proxy = await cuttingProxy(library.port)
    await using session = await sessionWith(library, { port: proxy.port })
    const drive = await loadedDrive(session, library.changerLun)
    for (const seed of [1, 2, 3]) await good(writeBlock(drive, pattern(5000, seed)))
    proxy.cutAfter(20_000)
    const { message } = await rejection(writeBlock(drive, pattern(100_000, 4)), 'lost')
    expect(message).toContain('Nobody knows whether')
    await rejection(writeBlock(drive, pattern(10, 5)), 'closed')
    await using again = await session.reconnect()
    const same = again.device(1)
    expect(await senseKey(same)).toBe(0)
    await rewind(same)
    for (const seed of [1, 2, 3]) {
      const back = new Uint8Array(5000)
      await good(readBlock(same, back))
      expect(back).toEqual(pattern(5000, seed))
    }
    // The fourth block never reached the drive whole, so it is not there.
    expect((await readBlock(same, new Uint8Array(512))).sense[2]! & 15).toBe(8)
  })
})
