import { writeFileSync } from 'node:fs'
import { fileDigest, tempFolder } from 'holdfast-lab'
import { expect, it } from 'vitest'
import { connectNbd, listNbdContexts, listNbdExports, type NbdAddress, type NbdClient } from '../src/index.js'
import { makeCertificates } from './support/certificates.js'
import { rejection } from './support/failures.js'
import { describeLive, digest, freePort, run, startOnSocket, startServer } from './support/programs.js'
import { until } from './support/serving.js'
import { pattern, toArray } from './support/to-array.js'

const mib = 2 ** 20
const sizeBytes = 48 * mib

/** Reads a whole export, as a backup does. */
async function readAll(client: NbdClient, stepBytes = mib): Promise<Uint8Array> {
  const all = new Uint8Array(client.sizeBytes)
  const steps = Array.from({ length: Math.ceil(all.length / stepBytes) }, (_, index) => index * stepBytes)
  await Promise.all(steps.map((at) => client.read(at, all.subarray(at, at + stepBytes))))
  return all
}

/** Tries to listen until a server answers. */
const answers = (address: NbdAddress) => async () =>
  await listNbdExports(address, { timeoutMs: 1000 }).then(
    () => true,
    (error: { readonly code?: unknown }) => error.code !== 'refused',
  )

describeLive('client against qemu-nbd', () => {
  it('reads a qcow2 whole, over one connection and over several, and tells its allocation', async () => {
    using folder = tempFolder()
    const [raw, disk, socket] = [folder.at('raw'), folder.at('qcow2'), folder.at('s')]
    const bytes = new Uint8Array(sizeBytes)
    bytes.set(pattern(5 * mib, 3), 2 * mib)
    bytes.set(pattern(3 * mib, 4), 40 * mib)
    writeFileSync(raw, bytes)
    await run('qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', raw, disk)
    await using _server = await startOnSocket('qemu-nbd', socket, [
      '-t',
      '-r',
      '-e',
      '8',
      '-f',
      'qcow2',
      '-k',
      socket,
      '-x',
      'vda',
      disk,
    ])
    expect(await listNbdExports({ path: socket })).toEqual([{ name: 'vda', description: '' }])
    expect(await listNbdContexts({ path: socket }, { exportName: 'vda' })).toContain('base:allocation')
    await rejection(connectNbd({ path: socket }, { exportName: 'other' }), 'unknown-export')
    const options = { exportName: 'vda', metaContexts: ['base:allocation', 'no:such'] }
    for (const connections of [1, 4]) {
      await using client = await connectNbd({ path: socket }, { ...options, connections })
      expect(client).toMatchObject({ sizeBytes, readOnly: true, connections, contexts: ['base:allocation'] })
      expect(digest(await readAll(client))).toBe(await fileDigest(raw))
      const extents = await toArray(client.blockStatus('base:allocation', 0, sizeBytes))
      expect(extents).toEqual([
        { offset: 0, length: 2 * mib, flags: 3 },
        { offset: 2 * mib, length: 5 * mib, flags: 0 },
        { offset: 7 * mib, length: 33 * mib, flags: 3 },
        { offset: 40 * mib, length: 3 * mib, flags: 0 },
        { offset: 43 * mib, length: 5 * mib, flags: 3 },
      ])
    }
  })

  it('does with fewer connections where the server takes no more', async () => {
    using folder = tempFolder()
    const [raw, socket] = [folder.at('raw'), folder.at('s')]
    writeFileSync(raw, pattern(mib))
    await using _server = await startOnSocket('qemu-nbd', socket, [
      '-t',
      '-r',
      '-e',
      '2',
      '-f',
      'raw',
      '-k',
      socket,
      raw,
    ])
    await using client = await connectNbd({ path: socket }, { connections: 5, timeoutMs: 1500 })
    expect(client.connections).toBe(2)
    expect(digest(await readAll(client, 10_000))).toBe(await fileDigest(raw))
  })

  it('writes, trims, zeroes and flushes; qemu-img reads what was written', async () => {
    using folder = tempFolder()
    const [disk, raw] = [folder.at('qcow2'), folder.at('raw')]
    const [out, socket] = [folder.at('out'), folder.at('s')]
    await run('qemu-img', 'create', '-f', 'qcow2', disk, `${sizeBytes}`)
    const expected = new Uint8Array(sizeBytes)
    {
      await using _server = await startOnSocket('qemu-nbd', socket, [
        '-t',
        '-f',
        'qcow2',
        '--discard=unmap',
        '-k',
        socket,
        disk,
      ])
      await using client = await connectNbd({ path: socket }, { metaContexts: ['base:allocation'] })
      expect(client.flags).toMatchObject({ canFlush: true, canFua: true, canTrim: true, canZero: true })
      const data = pattern(20 * mib, 9)
      expected.set(data, mib)
      await client.write(mib, data)
      await client.write(30 * mib, pattern(mib, 5), { fua: true })
      expected.set(pattern(mib, 5), 30 * mib)
      await client.writeZeroes(4 * mib, 3 * mib)
      expected.fill(0, 4 * mib, 7 * mib)
      await client.trim(10 * mib, 2 * mib)
      await client.writeZeroes(10 * mib, 2 * mib, { space: 'allocate' })
      expected.fill(0, 10 * mib, 12 * mib)
      await client.flush()
      const states = await toArray(client.blockStatus('base:allocation', 4 * mib, 8 * mib))
      expect(states.map(({ length }) => length)).toEqual([3 * mib, 3 * mib, 2 * mib])
    }
    writeFileSync(raw, expected)
    await run('qemu-img', 'convert', '-f', 'qcow2', '-O', 'raw', disk, out)
    expect(await fileDigest(out)).toBe(await fileDigest(raw))
  })

  it('tells what a dirty bitmap has', async () => {
    using folder = tempFolder()
    const [disk, socket] = [folder.at('qcow2'), folder.at('s')]
    await run('qemu-img', 'create', '-f', 'qcow2', disk, `${sizeBytes}`)
    await run('qemu-img', 'bitmap', '--add', '-g', '65536', '-f', 'qcow2', disk, 'day1')
    await run('qemu-io', '-f', 'qcow2', '-c', 'write -P 5 1M 128k', '-c', 'write -P 6 20M 1M', disk)
    await using _server = await startOnSocket('qemu-nbd', socket, [
      '-t',
      '-r',
      '-f',
      'qcow2',
      '-B',
      'day1',
      '-k',
      socket,
      disk,
    ])
    const context = 'qemu:dirty-bitmap:day1'
    expect(await listNbdContexts({ path: socket }, { queries: ['qemu:'] })).toContain(context)
    await using client = await connectNbd({ path: socket }, { metaContexts: [context] })
    const dirty = (await toArray(client.blockStatus(context, 0, sizeBytes))).filter(({ flags }) => flags === 1)
    expect(dirty).toEqual([
      { offset: mib, length: 131_072, flags: 1 },
      { offset: 20 * mib, length: mib, flags: 1 },
    ])
    const some = new Uint8Array(mib)
    await client.read(20 * mib, some)
    expect(some.every((byte) => byte === 6)).toBe(true)
  })

  it('talks over TLS with certificates on both sides, and refuses the wrong ones', async () => {
    using folder = tempFolder()
    const { ca, client: own, server } = await makeCertificates(folder.path)
    for (const [name, content] of [
      ['server-cert.pem', server.cert],
      ['server-key.pem', server.key],
    ] as const)
      writeFileSync(folder.at(name), content)
    const raw = folder.at('raw')
    writeFileSync(raw, pattern(10 * mib, 2))
    const port = await freePort()
    const address = { host: 'localhost', port }
    await using _server = await startServer(
      'qemu-nbd',
      [
        ...['-t', '-r', '-e', '4', '-f', 'raw', '-p', `${port}`, '-b', '127.0.0.1'],
        ...[
          '--object',
          `tls-creds-x509,id=t,endpoint=server,dir=${folder.path},verify-peer=on`,
          '--tls-creds',
          't',
          raw,
        ],
      ],
      answers({ host: '127.0.0.1', port }),
    )
    await rejection(connectNbd(address), 'tls-required')
    await rejection(listNbdExports(address), 'tls-required')
    const good = { ca, cert: own.cert, key: own.key }
    await using client = await connectNbd(address, { tls: good, connections: 2 })
    expect(digest(await readAll(client))).toBe(await fileDigest(raw))
    await rejection(connectNbd(address, { tls: { ...good, servername: 'elsewhere' } }), 'tls-failed')
    await rejection(connectNbd(address, { tls: { cert: own.cert, key: own.key } }), 'tls-failed')
    const prints = await run(
      'openssl',
      'x509',
      '-in',
      folder.at('server-cert.pem'),
      '-noout',
      '-fingerprint',
      '-sha256',
    )
    const fingerprint256 = prints.trim().split('=')[1] ?? ''
    await using pinned = await connectNbd(address, { tls: { cert: own.cert, key: own.key, fingerprint256 } })
    expect(pinned.sizeBytes).toBe(10 * mib)
    const other = fingerprint256.replace(/^../, (digits) => (digits === '00' ? '11' : '00'))
    await rejection(connectNbd(address, { tls: { ...good, fingerprint256: other } }), 'tls-failed')
    // A client without a certificate learns of it when the server hangs up, as TLS 1.3 has it.
    await expect(connectNbd(address, { tls: { ca } })).rejects.toSatisfy(
      (error: { readonly code?: unknown }) => error.code === 'tls-failed' || error.code === 'closed',
    )
  })

  it('notices that the server was killed in the middle of a read', async () => {
    using folder = tempFolder()
    const [raw, socket] = [folder.at('raw'), folder.at('s')]
    writeFileSync(raw, pattern(16 * mib))
    const server = await startOnSocket('qemu-nbd', socket, ['-t', '-r', '-f', 'raw', '-k', socket, raw])
    await using client = await connectNbd({ path: socket })
    let isOver = false
    const reading = (async () => {
      const into = new Uint8Array(16 * mib)
      for (;;) await client.read(0, into)
    })().finally(() => {
      isOver = true
    })
    reading.catch(() => {})
    await new Promise((resolve) => setTimeout(resolve, 50))
    await server[Symbol.asyncDispose]()
    await rejection(reading, 'closed')
    await until(() => isOver)
  })
})
