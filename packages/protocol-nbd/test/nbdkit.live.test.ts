import { writeFileSync } from 'node:fs'
import { fileDigest, tempFolder } from 'holdfast-lab'
import { expect, it } from 'vitest'
import { connectNbd, listNbdContexts, type NbdClient } from '../src/index.js'
import { makeCertificates } from './support/certificates.js'
import { rejection } from './support/failures.js'
import { describeLive, digest, type RunningServer, startOnSocket } from './support/programs.js'
import { pattern, toArray } from './support/to-array.js'

const mib = 2 ** 20

/** Starts nbdkit in the foreground; it is stopped with its socket. */
async function nbdkit(socket: string, ...args: readonly string[]): Promise<RunningServer> {
  return await startOnSocket('nbdkit', socket, ['-f', '-U', socket, ...args])
}

async function readAll(client: NbdClient): Promise<Uint8Array> {
  const all = new Uint8Array(client.sizeBytes)
  await client.read(0, all)
  return all
}

describeLive('client against nbdkit', () => {
  it.each([
    ['structured replies', []],
    ['simple replies only', ['--no-sr']],
    ['the oldest negotiation of today', ['--mask-handshake=0']],
    [
      'many small requests only',
      ['--filter=blocksize-policy', 'blocksize-maximum=65536', 'blocksize-error-policy=error'],
    ],
    ['blocks of 4096 bytes', ['--filter=blocksize-policy', 'blocksize-minimum=4096', 'blocksize-error-policy=error']],
  ] as const)('reads an image whole with %s', async (_name, filters) => {
    using folder = tempFolder()
    const [raw, socket] = [folder.at('raw'), folder.at('s')]
    writeFileSync(raw, pattern(20 * mib, 6))
    const [option, ...parameters] = filters
    const before = option === undefined ? [] : [option]
    await using _server = await nbdkit(socket, ...before, 'file', raw, ...parameters)
    await using client = await connectNbd({ path: socket }, { connections: 3 })
    expect(digest(await readAll(client))).toBe(await fileDigest(raw))
    const hasContexts = option !== '--no-sr' && option !== '--mask-handshake=0'
    const context = 'base:allocation'
    if (option !== '--mask-handshake=0')
      expect(await listNbdContexts({ path: socket })).toEqual(hasContexts ? [context] : [])
    await using asking = await connectNbd({ path: socket }, { metaContexts: [context] })
    expect(asking.contexts).toEqual(hasContexts ? [context] : [])
  })

  it('waits for a slow server, with many requests in flight', async () => {
    using folder = tempFolder()
    const socket = folder.at('s')
    await using _server = await nbdkit(socket, '--filter=delay', 'memory', '16M', 'rdelay=500ms')
    await using client = await connectNbd({ path: socket }, { windowSize: 16 })
    const start = performance.now()
    await readAll(client)
    const passedMs = performance.now() - start
    expect(passedMs).toBeGreaterThan(490)
    expect(passedMs).toBeLessThan(32 * 500)
    await using hasty = await connectNbd({ path: socket }, { timeoutMs: 250 })
    await rejection(hasty.read(0, new Uint8Array(1)), 'timeout')
  })

  it('tells errors of a flaky server by number, and goes on after each', async () => {
    using folder = tempFolder()
    const [raw, socket] = [folder.at('raw'), folder.at('s')]
    writeFileSync(raw, pattern(4 * mib, 8))
    await using _server = await nbdkit(
      socket,
      ...[
        '--filter=error',
        'file',
        raw,
        'error-pread=EIO',
        'error-pread-rate=30%',
        'error-pwrite=ENOSPC',
        'error-pwrite-rate=100%',
      ],
    )
    await using client = await connectNbd({ path: socket })
    const all = new Uint8Array(4 * mib)
    let errors = 0
    for (let at = 0; at < all.length; at += 65_536)
      for (let done = false; !done; ) {
        const result = await client.read(at, all.subarray(at, at + 65_536)).catch((error: unknown) => error)
        done = result === undefined
        if (!done) {
          expect(result).toMatchObject({ code: 'io', errno: 'EIO', offset: at })
          errors++
        }
      }
    expect(errors).toBeGreaterThan(0)
    expect(digest(all)).toBe(await fileDigest(raw))
    expect(await rejection(client.write(0, new Uint8Array(512)), 'io')).toMatchObject({ errno: 'ENOSPC' })
  })

  it('writes over several connections what it then reads back', async () => {
    using folder = tempFolder()
    const socket = folder.at('s')
    await using _server = await nbdkit(socket, 'memory', '32M')
    await using client = await connectNbd({ path: socket }, { connections: 4, metaContexts: ['base:allocation'] })
    expect(client.connections).toBe(4)
    const bytes = pattern(20 * mib, 11)
    await client.write(4 * mib, bytes)
    await client.flush()
    await client.writeZeroes(6 * mib, mib)
    bytes.fill(0, 2 * mib, 3 * mib)
    const back = new Uint8Array(20 * mib)
    await client.read(4 * mib, back)
    expect(digest(back)).toBe(digest(bytes))
    const data = (await toArray(client.blockStatus('base:allocation', 0, 32 * mib))).filter(({ flags }) => flags === 0)
    expect(data).toEqual([
      { offset: 4 * mib, length: 2 * mib, flags: 0 },
      { offset: 7 * mib, length: 17 * mib, flags: 0 },
    ])
  })

  it('talks over TLS with shared keys, and refuses the wrong one', async () => {
    using folder = tempFolder()
    const [keys, socket] = [folder.at('keys.psk'), folder.at('s')]
    const key = Buffer.from(pattern(32, 77))
    writeFileSync(keys, `alice:${key.toString('hex')}\n`, { mode: 0o600 })
    await using _server = await nbdkit(socket, '--tls=require', `--tls-psk=${keys}`, 'pattern', '8M')
    await rejection(connectNbd({ path: socket }), 'tls-required')
    await using client = await connectNbd({ path: socket }, { tls: { psk: { identity: 'alice', key } } })
    const all = Buffer.from(await readAll(client))
    expect(all.readBigUInt64BE(4 * mib)).toBe(BigInt(4 * mib))
    for (const psk of [
      { identity: 'alice', key: key.subarray(1) },
      { identity: 'bob', key },
    ])
      await rejection(connectNbd({ path: socket }, { tls: { psk } }), 'tls-failed')
  })

  it('talks over TLS with certificates, with a server that also talks without', async () => {
    using folder = tempFolder()
    const socket = folder.at('s')
    const { ca } = await makeCertificates(folder.path)
    await using _server = await nbdkit(
      socket,
      ...['--tls=on', `--tls-certificates=${folder.path}`, '--filter=tls-fallback', 'pattern', '8M', 'tlsreadme=no'],
    )
    await using secure = await connectNbd({ path: socket }, { tls: { ca } })
    expect(secure.sizeBytes).toBe(8 * mib)
    expect(Buffer.from(await readAll(secure)).readBigUInt64BE(800)).toBe(800n)
    await using plain = await connectNbd({ path: socket })
    expect(plain.sizeBytes).not.toBe(8 * mib)
  })

  it('refuses a server without TLS where TLS is demanded', async () => {
    using folder = tempFolder()
    const socket = folder.at('s')
    await using _server = await nbdkit(socket, 'memory', '1M')
    await rejection(connectNbd({ path: socket }, { tls: {} }), 'tls-unavailable')
  })
})
