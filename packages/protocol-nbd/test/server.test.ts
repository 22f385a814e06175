import { existsSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import {
  addressFromUri,
  connectNbd,
  listNbdContexts,
  listNbdExports,
  NbdError,
  type NbdExport,
  serveNbd,
} from '../src/index.js'
import { memoryExport, withCutAfter, withDelay, withFailureAt } from '../src/testing/index.js'
import { rejection } from './support/failures.js'
import { serving, until } from './support/serving.js'
import { pattern, toArray } from './support/to-array.js'

const size = 1_000_000
/** All of it counts as data, so that reads reach the disk. */
const solid: Partial<NbdExport> = { blockStatus: async (_offset, length) => [{ length, flags: 0 }] }

describe('client and server', () => {
  it('agree on everything about an export', async () => {
    const disk = memoryExport(size, {
      name: 'disk',
      description: 'A disk.',
      canFastZero: true,
      blockSizes: { minimum: 512, preferred: 65_536, maximum: 2 ** 20 },
      sizeBytes: 999_424,
    })
    await using it = await serving({ exports: [disk] })
    await using client = await connectNbd(it.address, { exportName: 'disk' })
    expect(client).toMatchObject({
      sizeBytes: 999_424,
      readOnly: false,
      description: 'A disk.',
      blockSizes: { minimum: 512, preferred: 65_536, maximum: 2 ** 20 },
      connections: 1,
      flags: {
        canFlush: true,
        canFua: true,
        canTrim: true,
        canZero: true,
        canFastZero: true,
        canMultiConn: true,
        canDf: true,
      },
    })
    const { write, trim, writeZeroes, flush, ...readable } = memoryExport(size)
    await using fixed = await serving({ exports: [readable] })
    await using reader = await connectNbd(fixed.address)
    expect(reader.readOnly).toBe(true)
    expect(reader.flags).toMatchObject({ canFlush: false, canFua: false, canTrim: false, canZero: false })
    await rejection(reader.write(0, new Uint8Array(1)), 'unsupported')
    await rejection(reader.trim(0, 1), 'unsupported')
    await reader.flush()
  })

  it('carry data both ways, in pieces and over several connections', async () => {
    const disk = memoryExport(size)
    await using it = await serving({ exports: [disk] })
    await using client = await connectNbd(it.address, { connections: 3, requestBytes: 70_000, windowSize: 2 })
    expect(client.connections).toBe(3)
    const bytes = new Uint8Array(new SharedArrayBuffer(size))
    bytes.set(pattern(size))
    await client.write(0, bytes)
    expect(Buffer.compare(disk.bytes, bytes)).toBe(0)
    const shared = new Uint8Array(new SharedArrayBuffer(size - 12_345))
    await client.read(12_345, shared)
    expect(Buffer.compare(Buffer.from(shared), bytes.subarray(12_345))).toBe(0)
    expect(disk.calls.filter(({ method }) => method === 'write').every(({ length }) => length <= 70_000)).toBe(true)
  })

  it('use all of their connections', async () => {
    const disk = memoryExport(size)
    const used = new Set<number>()
    let opened = 0
    const find = () => {
      const number = ++opened
      const read: NbdExport['read'] = async (...args) => {
        used.add(number)
        await disk.read(...args)
      }
      return { ...disk, ...solid, read }
    }
    await using it = await serving({ exports: { find } })
    await using client = await connectNbd(it.address, { connections: 3, requestBytes: 100_000 })
    await client.read(0, new Uint8Array(size))
    expect([...used].toSorted()).toEqual([1, 2, 3])
  })

  it('hand zeros over as holes, and read them all the same', async () => {
    const disk = memoryExport(size)
    await using it = await serving({ exports: [disk] })
    await using client = await connectNbd(it.address)
    await client.write(40_960, pattern(8192))
    const into = new Uint8Array(size).fill(255)
    await client.read(0, into)
    expect(Buffer.compare(into, disk.bytes)).toBe(0)
    const read = disk.calls.filter(({ method }) => method === 'read')
    expect(read).toEqual([{ method: 'read', offset: 40_960, length: 8192 }])
  })

  it('pass on flags of writing, trimming and zeroing', async () => {
    const disk = memoryExport(size, { canFastZero: true })
    await using it = await serving({ exports: [disk] })
    await using client = await connectNbd(it.address)
    await client.write(0, pattern(10), { fua: true })
    await client.trim(4096, 4096)
    await client.writeZeroes(8192, 4096, { space: 'allocate', fast: true })
    await client.writeZeroes(0, 4096, { fua: true })
    await client.flush()
    expect(disk.calls).toEqual([
      { method: 'write', offset: 0, length: 10 },
      { method: 'flush', offset: 0, length: 0 },
      { method: 'trim', offset: 4096, length: 4096 },
      { method: 'writeZeroes', offset: 8192, length: 4096, noHole: true, fast: true },
      { method: 'writeZeroes', offset: 0, length: 4096, noHole: false, fast: false },
      { method: 'flush', offset: 0, length: 0 },
      { method: 'flush', offset: 0, length: 0 },
    ])
  })

  it('tell the states of ranges in several contexts', async () => {
    const dirty: NbdExport['blockStatus'] = async (offset) => [
      { length: offset < 100 ? 100 - offset : 50, flags: offset < 100 ? 1 : 0 },
    ]
    const disk = memoryExport(size, { contexts: { 'qemu:dirty-bitmap:b': dirty } })
    await using it = await serving({ exports: [disk] })
    expect(await listNbdContexts(it.address)).toEqual(['base:allocation', 'qemu:dirty-bitmap:b'])
    expect(await listNbdContexts(it.address, { queries: ['qemu:'] })).toEqual(['qemu:dirty-bitmap:b'])
    expect(await listNbdContexts(it.address, { queries: ['qemu'] })).toEqual([])
    const metaContexts = ['qemu:dirty-bitmap:b', 'base:allocation', 'none:such']
    await using client = await connectNbd(it.address, { metaContexts })
    expect(client.contexts.toSorted()).toEqual(['base:allocation', 'qemu:dirty-bitmap:b'])
    await client.write(8192, pattern(100))
    expect(await toArray(client.blockStatus('base:allocation', 4096, 20_000))).toEqual([
      { offset: 4096, length: 4096, flags: 3 },
      { offset: 8192, length: 4096, flags: 0 },
      { offset: 12_288, length: 11_808, flags: 3 },
    ])
    expect(await toArray(client.blockStatus('qemu:dirty-bitmap:b', 40, 1000))).toEqual([
      { offset: 40, length: 60, flags: 1 },
      { offset: 100, length: 940, flags: 0 },
    ])
  })

  it('tell states that change at every block, however many there are', async () => {
    const length = 50_000 * 4096
    let asks = 0
    const blockStatus: NbdExport['blockStatus'] = async (offset, asked) => {
      asks++
      return Array.from({ length: asked / 4096 }, (_, index) => ({ length: 4096, flags: (offset / 4096 + index) % 2 }))
    }
    const read = async () => {}
    await using it = await serving({ exports: [{ name: 'striped', sizeBytes: length, read, blockStatus }] })
    await using client = await connectNbd(it.address, { metaContexts: ['base:allocation'] })
    const extents = await toArray(client.blockStatus('base:allocation', 0, length))
    expect(extents.length).toBe(50_000)
    // One reply has 16 384 at most, or replies that nobody reads would pile up.
    expect(asks).toBe(4)
    expect(extents.at(-1)).toEqual({ offset: length - 4096, length: 4096, flags: 1 })
  })

  it('tell errors by their number and place, and go on', async () => {
    const disk = withFailureAt(memoryExport(size, solid), 500_000, 'ENOSPC')
    await using it = await serving({ exports: [disk] })
    await using client = await connectNbd(it.address, { requestBytes: 100_000 })
    const told = await rejection(client.read(0, new Uint8Array(size)), 'io')
    expect(told).toMatchObject({ errno: 'ENOSPC', offset: 500_000 })
    await rejection(client.write(499_999, new Uint8Array(2)), 'io')
    await client.read(500_001, new Uint8Array(10))
    expect(it.complaints.length).toBeGreaterThan(0)
  })

  it.each([
    [Object.assign(new Error('full'), { code: 'EDQUOT' }), 'ENOSPC'],
    [Object.assign(new Error('no'), { code: 'EACCES' }), 'EPERM'],
    [Object.assign(new Error('mem'), { code: 'ENOMEM' }), 'ENOMEM'],
    [new Error('a secret path'), 'EIO'],
    ['a string', 'EIO'],
  ])('tell %s as %s, and nothing else of it', async (thrown, errno) => {
    const read = async () => {
      throw thrown
    }
    await using it = await serving({ exports: [memoryExport(size, { ...solid, read })] })
    await using client = await connectNbd(it.address)
    const told = await rejection(client.read(0, new Uint8Array(10)), 'io')
    expect(told).toEqual({ errno, offset: 0, message: `The server answered ${errno}.` })
  })

  it('keep ranges inside of the disk and in step with its blocks', async () => {
    const blockSizes = { minimum: 512, preferred: 4096, maximum: 4096 }
    await using it = await serving({ exports: [memoryExport(1_024_000, { blockSizes })] })
    await using client = await connectNbd(it.address)
    await rejection(client.read(1_024_000 - 512, new Uint8Array(1024)), 'out-of-range')
    await rejection(client.read(1, new Uint8Array(512)), 'invalid')
    await rejection(client.read(0, new Uint8Array(100)), 'invalid')
    await rejection(client.read(-512, new Uint8Array(512)), 'invalid')
    await rejection(client.read(Number.NaN, new Uint8Array(512)), 'invalid')
    await client.read(512, new Uint8Array(512 * 100))
    await client.read(0, new Uint8Array(0))
  })

  it('notice when the other end goes away', async () => {
    await using it = await serving({ exports: [withCutAfter(memoryExport(size), 2)] })
    await using client = await connectNbd(it.address)
    await client.write(0, pattern(size / 2))
    await rejection(
      client.write(0, pattern(10)).then(() => client.write(0, pattern(10))),
      'closed',
    )
    await until(() => it.server.connections().length === 0)
    await using second = await connectNbd(it.address)
    expect(it.server.connections()).toMatchObject([{ exportName: 'memory', peer: { isTls: false } }])
    await second[Symbol.asyncDispose]()
    expect(await second.closed).toBeUndefined()
    await rejection(second.read(0, new Uint8Array(1)), 'closed')
    await until(() => it.server.connections().length === 0)
  })

  it('list exports, and refuse to where they shall not', async () => {
    const exports = [memoryExport(1, { name: 'a' }), memoryExport(2, { name: 'b', description: 'two' })]
    await using it = await serving({ exports })
    expect(await listNbdExports(it.address)).toEqual([
      { name: 'a', description: '' },
      { name: 'b', description: 'two' },
    ])
    await rejection(connectNbd(it.address, { exportName: 'c' }), 'unknown-export')
    await using hidden = await serving({ exports: { find: (name) => exports.find((one) => one.name === name) } })
    await rejection(listNbdExports(hidden.address), 'refused')
    await using client = await connectNbd(hidden.address, { exportName: 'b' })
    expect(client.sizeBytes).toBe(2)
    await rejection(connectNbd(hidden.address), 'unknown-export')
  })
})

describe('server', () => {
  it('turns away whom it may not let in, and whom it has no room for', async () => {
    const peers: unknown[] = []
    const allow = async (peer: unknown) => {
      peers.push(peer)
      return peers.length > 1
    }
    await using it = await serving({ exports: [memoryExport(size)], allow, maxConnections: 1 })
    await rejection(connectNbd(it.address), 'refused')
    expect(peers).toEqual([{ address: undefined, isTls: false, fingerprint256: undefined, pskIdentity: undefined }])
    await until(() => it.server.connections().length === 0)
    await using client = await connectNbd(it.address)
    await rejection(connectNbd(it.address), 'refused')
    await client.read(0, new Uint8Array(1))
  })

  it('finishes what it does when it stops, hangs up on everybody and removes its socket', async () => {
    const it = await serving({ exports: [withDelay(memoryExport(size, solid), 100)] })
    await using client = await connectNbd(it.address)
    const into = new Uint8Array(10).fill(9)
    const reading = client.read(0, into)
    await using idle = await connectNbd(it.address)
    await until(() => it.server.connections().length === 2)
    await it.server[Symbol.asyncDispose]()
    await reading
    expect((await client.closed)?.code).toBe('closed')
    expect((await idle.closed)?.code).toBe('closed')
    expect(existsSync(it.socket)).toBe(false)
    await rejection(connectNbd(it.address), 'refused')
    await it[Symbol.asyncDispose]()
  })

  it('aborts the calls of a client that is gone', async () => {
    let isAborted = false
    const read: NbdExport['read'] = async (_offset, _into, { signal }) => {
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
      isAborted = true
      throw new NbdError('closed', 'Gone.')
    }
    await using it = await serving({ exports: [memoryExport(size, { ...solid, read })] })
    const client = await connectNbd(it.address)
    const reading = client.read(0, new Uint8Array(10))
    setTimeout(() => void client[Symbol.asyncDispose](), 50)
    await rejection(reading, 'closed')
    await until(() => isAborted && it.server.connections().length === 0)
  })

  it('listens on TCP at a free port, and tells when it cannot', async () => {
    await using server = await serveNbd({ listen: { host: '127.0.0.1', port: 0 }, exports: [memoryExport(size)] })
    const { address } = server
    const port = 'port' in address ? address.port : 0
    expect(port).toBeGreaterThan(0)
    await using client = await connectNbd(addressFromUri(`nbd://127.0.0.1:${port}/`).address)
    expect(client.sizeBytes).toBe(size)
    expect(server.connections()).toMatchObject([{ peer: { address: '127.0.0.1' } }])
    await rejection(serveNbd({ listen: address, exports: [] }), 'listen')
    await rejection(serveNbd({ listen: { path: '/nonexistent/socket' }, exports: [] }), 'listen')
    await rejection(serveNbd({ listen: { path: 'x' }, exports: [], requireTls: true }), 'invalid')
    await rejection(serveNbd({ listen: { path: 'x' }, exports: [], maxInFlightBytes: Number.NaN }), 'invalid')
    await rejection(serveNbd({ listen: { path: 'x' }, exports: [], maxConnections: 0 }), 'invalid')
    await rejection(serveNbd({ listen: { path: 'x' }, exports: [], tls: { cert: 'x', key: 'y' } }), 'invalid')
  })
})
