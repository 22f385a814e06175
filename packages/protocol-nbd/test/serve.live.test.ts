import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { fileDigest, tempFolder } from 'holdfast-lab'
import { expect, it } from 'vitest'
import { connectNbd, type NbdExport, serveNbd } from '../src/index.js'
import { memoryExport, withFailureAt } from '../src/testing/index.js'
import { makeCertificates } from './support/certificates.js'
import { rejection } from './support/failures.js'
import { describeLive, digest, finish, run } from './support/programs.js'
import { serving, until } from './support/serving.js'
import { pattern } from './support/to-array.js'

const mib = 2 ** 20

function sampleDisk(overrides: Partial<NbdExport> = {}) {
  return memoryExport(24 * mib, { name: 'disk', ...overrides })
}

/** Puts data between the holes. */
async function fill(disk: ReturnType<typeof memoryExport>): Promise<void> {
  const call = { signal: new AbortController().signal }
  await disk.write?.(mib, pattern(5 * mib, 1), call)
  await disk.write?.(10 * mib + 4096, pattern(3 * mib, 2), call)
}

describeLive('server', () => {
  it('is read by qemu-img: info, compare, map and convert', async () => {
    using folder = tempFolder()
    const disk = sampleDisk()
    await fill(disk)
    await using it = await serving({ exports: [disk] })
    const uri = it.uri('disk')
    const raw = folder.at('raw')
    writeFileSync(raw, disk.bytes)
    expect(JSON.parse(await run('qemu-img', 'info', '--output=json', uri))).toMatchObject({ 'virtual-size': 24 * mib })
    expect(await run('qemu-img', 'compare', '-f', 'raw', '-F', 'raw', uri, raw)).toContain('identical')
    const map: readonly { start: number; length: number; zero: boolean }[] = JSON.parse(
      await run('qemu-img', 'map', '-f', 'raw', '--output=json', uri),
    )
    expect(map.map(({ start, length, zero }) => ({ start, length, zero }))).toEqual([
      { start: 0, length: mib, zero: true },
      { start: mib, length: 5 * mib, zero: false },
      { start: 6 * mib, length: 4 * mib + 4096, zero: true },
      { start: 10 * mib + 4096, length: 3 * mib, zero: false },
      { start: 13 * mib + 4096, length: 11 * mib - 4096, zero: true },
    ])
    const out = folder.at('out')
    await run('qemu-img', 'convert', '-f', 'raw', '-O', 'raw', uri, out)
    expect(await fileDigest(out)).toBe(digest(disk.bytes))
    await until(() => it.server.connections().length === 0)
    expect(it.complaints).toEqual([])
  })

  it('is written by qemu-img', async () => {
    using folder = tempFolder()
    const disk = sampleDisk()
    await using it = await serving({ exports: [disk] })
    const source = folder.at('source')
    const bytes = new Uint8Array(24 * mib)
    bytes.set(pattern(7 * mib, 3), 2 * mib)
    writeFileSync(source, bytes)
    await run('qemu-img', 'convert', '-n', '-f', 'raw', '-O', 'raw', source, it.uri('disk'))
    expect(digest(disk.bytes)).toBe(digest(bytes))
    expect(disk.calls.some(({ method }) => method === 'writeZeroes')).toBe(true)
    expect(disk.calls.at(-1)?.method).toBe('flush')
  })

  it('is copied by nbdcopy both ways, over several connections', async () => {
    using folder = tempFolder()
    const disk = sampleDisk()
    await using it = await serving({ exports: [disk] })
    const [source, out] = [folder.at('source'), folder.at('out')]
    const bytes = pattern(24 * mib, 5)
    bytes.fill(0, 4 * mib, 9 * mib)
    writeFileSync(source, bytes)
    await run('nbdcopy', '--flush', source, it.uri('disk'))
    expect(digest(disk.bytes)).toBe(digest(bytes))
    await run('nbdcopy', it.uri('disk'), out)
    expect(await fileDigest(out)).toBe(digest(bytes))
    await run('nbdcopy', '--no-extents', '--request-size=2097152', it.uri('disk'), folder.at('again'))
    expect(await fileDigest(folder.at('again'))).toBe(digest(bytes))
    expect(it.complaints).toEqual([])
  })

  it('tells nbdinfo everything', async () => {
    const dirty: NbdExport['blockStatus'] = async (offset) =>
      offset < 65_536
        ? [
            { length: 65_536 - offset, flags: 1 },
            { length: mib, flags: 0 },
          ]
        : [{ length: mib, flags: 0 }]
    const disk = sampleDisk({
      description: 'For nbdinfo.',
      contexts: { 'qemu:dirty-bitmap:day1': dirty },
      blockSizes: { minimum: 1, preferred: 65_536, maximum: 2 ** 24 },
    })
    await fill(disk)
    const other: NbdExport = { name: 'second', sizeBytes: 512, read: async (_offset, into) => void into.fill(0) }
    await using it = await serving({ exports: [disk, other] })
    const list = JSON.parse(await run('nbdinfo', '--list', '--json', it.uri()))
    expect(list).toMatchObject({
      protocol: 'newstyle-fixed',
      TLS: false,
      exports: [
        {
          'export-name': 'disk',
          description: 'For nbdinfo.',
          'export-size': 24 * mib,
          contexts: ['base:allocation', 'qemu:dirty-bitmap:day1'],
          is_read_only: false,
          can_df: true,
          can_fua: true,
          can_flush: true,
          can_trim: true,
          can_zero: true,
          can_multi_conn: true,
          can_cache: false,
          block_size_preferred: 65_536,
          block_size_maximum: 2 ** 24,
        },
        { 'export-name': 'second', is_read_only: true, can_multi_conn: true, can_fua: false, can_trim: false },
      ],
    })
    const map: readonly { offset: number; length: number; type: number }[] = JSON.parse(
      await run('nbdinfo', '--map', '--json', it.uri('disk')),
    )
    expect(map.map(({ offset, length, type }) => [offset, length, type])).toEqual([
      [0, mib, 3],
      [mib, 5 * mib, 0],
      [6 * mib, 4 * mib + 4096, 3],
      [10 * mib + 4096, 3 * mib, 0],
      [13 * mib + 4096, 11 * mib - 4096, 3],
    ])
    const bitmap = await run('nbdinfo', '--map=qemu:dirty-bitmap:day1', '--totals', it.uri('disk'))
    expect(bitmap).toMatch(/65536\s+0\.3%\s+1/)
    expect((await finish('nbdinfo', '--can', 'write', it.uri('second'))).status).not.toBe(0)
    expect((await finish('nbdinfo', '--can', 'structured-reply', it.uri('disk'))).status).toBe(0)
    expect((await finish('nbdinfo', it.uri('third'))).status).not.toBe(0)
    expect(await run('qemu-nbd', '--list', '-k', it.socket)).toMatch(
      /exports available: 2[\s\S]*'disk'[\s\S]*day1[\s\S]*'second'/,
    )
  })

  it('is written, zeroed and discarded by qemu-io', async () => {
    const disk = sampleDisk()
    await fill(disk)
    await using it = await serving({ exports: [disk] })
    const commands = [
      'write -P 7 0 64k',
      'write -f -P 8 64k 4k',
      'write -z 1M 1M',
      'write -z -u 2M 1M',
      'discard 3M 1M',
      'flush',
      'read -P 7 0 64k',
      'read -P 0 1M 3M',
    ]
    const output = await run('qemu-io', '-f', 'raw', ...commands.flatMap((one) => ['-c', one]), it.uri('disk'))
    expect(output).not.toMatch(/failed|error/i)
    expect(disk.bytes.subarray(0, 65_536).every((byte) => byte === 7)).toBe(true)
    expect(disk.bytes[65_536]).toBe(8)
    expect(disk.bytes.subarray(mib, 4 * mib).every((byte) => byte === 0)).toBe(true)
    const zeroes = disk.calls.filter(({ method }) => method === 'writeZeroes')
    expect(zeroes).toMatchObject([
      { offset: mib, length: mib, noHole: true },
      { offset: 2 * mib, length: mib, noHole: false },
    ])
    expect(disk.calls).toContainEqual({ method: 'trim', offset: 3 * mib, length: mib })
  })

  it('tells errors to qemu-io as what they are', async () => {
    await using it = await serving({ exports: [withFailureAt(sampleDisk(), 1_000_000, 'ENOSPC')] })
    const { output, complaints } = await finish(
      'qemu-io',
      '-f',
      'raw',
      '-c',
      'write 999424 4096',
      '-c',
      'read 0 512',
      it.uri('disk'),
    )
    expect(output + complaints).toMatch(/write failed: No space left on device/)
    expect(output).toMatch(/read 512\/512/)
  })

  it('serves TLS clients of qemu, libnbd and ours, with certificates and shared keys, and turns others away', async () => {
    using folder = tempFolder()
    const made = await makeCertificates(folder.path)
    const key = Buffer.from(pattern(32, 4))
    writeFileSync(folder.at('keys.psk'), `alice:${key.toString('hex')}\n`, { mode: 0o600 })
    const disk = sampleDisk()
    await fill(disk)
    const { cert, key: privateKey } = made.server
    const seen: unknown[] = []
    await using server = await serveNbd({
      listen: { host: '127.0.0.1', port: 0 },
      exports: [disk],
      tls: { cert, key: privateKey, ca: made.ca },
      allow: (peer) => seen.push(peer.fingerprint256) > 0,
    })
    const port = 'port' in server.address ? server.address.port : 0
    const folderUri = encodeURIComponent(folder.path)
    const out = folder.at('out')
    await run('nbdcopy', `nbds://localhost:${port}/disk?tls-certificates=${folderUri}`, out)
    expect(await fileDigest(out)).toBe(digest(disk.bytes))
    const opts = `driver=nbd,host=localhost,port=${port},export=disk,tls-creds=t`
    const creds = `tls-creds-x509,id=t,endpoint=client,dir=${folder.path}`
    await run('qemu-img', 'convert', '--object', creds, '--image-opts', opts, '-O', 'raw', folder.at('qemu'))
    expect(await fileDigest(folder.at('qemu'))).toBe(digest(disk.bytes))
    expect((await finish('nbdinfo', `nbd://localhost:${port}/disk`)).status).not.toBe(0)
    const address = { host: 'localhost', port }
    await rejection(connectNbd(address), 'tls-required')
    await expect(connectNbd(address, { tls: { ca: made.ca } })).rejects.toSatisfy(
      (error: { readonly code?: unknown }) => error.code === 'tls-failed' || error.code === 'closed',
    )
    const ours = { ca: made.ca, cert: made.client.cert, key: made.client.key }
    await using client = await connectNbd(address, { tls: ours })
    const all = new Uint8Array(24 * mib)
    await client.read(0, all)
    expect(digest(all)).toBe(digest(disk.bytes))
    await client.write(0, all.subarray(mib, 5 * mib))
    expect(digest(disk.bytes.subarray(0, 4 * mib))).toBe(digest(all.subarray(mib, 5 * mib)))
    const print = (
      await run('openssl', 'x509', '-in', folder.at('client-cert.pem'), '-noout', '-fingerprint', '-sha256')
    ).trim()
    expect(new Set(seen)).toEqual(new Set([print.split('=')[1]]))

    const identities: unknown[] = []
    await using shared = await serving({
      exports: [disk],
      tls: { psk: (identity) => (identity === 'alice' ? key : undefined) },
      allow: (peer) => identities.push(peer.pskIdentity) > 0,
    })
    await run(
      'nbdinfo',
      `nbds+unix://alice@/disk?socket=${shared.socket}&tls-psk-file=${encodeURIComponent(folder.at('keys.psk'))}`,
    )
    await using alice = await connectNbd(shared.address, { tls: { psk: { identity: 'alice', key } } })
    expect(alice.sizeBytes).toBe(24 * mib)
    expect(new Set(identities)).toEqual(new Set(['alice']))
    for (const psk of [
      { identity: 'bob', key },
      { identity: 'alice', key: key.subarray(1) },
    ])
      await rejection(connectNbd(shared.address, { tls: { psk } }), 'tls-failed')
  })

  it('serves 100 clients at once, and is empty afterwards', async () => {
    const disk = sampleDisk()
    await fill(disk)
    await using it = await serving({ exports: [disk] })
    const clients = await Promise.all(Array.from({ length: 100 }, () => connectNbd(it.address, { exportName: 'disk' })))
    expect(it.server.connections().length).toBe(100)
    const copies = run('nbdcopy', it.uri('disk'), 'null:')
    await Promise.all(
      clients.map(async (client, index) => {
        const into = new Uint8Array(mib)
        const at = (index % 24) * mib
        await client.read(at, into)
        if (Buffer.compare(into, disk.bytes.subarray(at, at + mib)) !== 0)
          throw new Error(`Client ${index} read something else.`)
      }),
    )
    await copies
    await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()))
    await until(() => it.server.connections().length === 0)
  })

  it('holds nothing of a client that is killed in the middle of a copy', async () => {
    using folder = tempFolder()
    const disk = sampleDisk({
      read: async (_offset, into) => {
        await new Promise((resolve) => setTimeout(resolve, 50))
        into.fill(1)
      },
    })
    await using it = await serving({ exports: [disk] })
    const child = spawn('nbdcopy', ['--no-extents', it.uri('disk'), folder.at('out')], { stdio: 'ignore' })
    await until(() => it.server.connections().some(({ exportName }) => exportName === 'disk'))
    child.kill('SIGKILL')
    await until(() => it.server.connections().length === 0)
    expect(it.complaints).toEqual([])
  })
})
