import { mkdirSync, readFileSync, statSync } from 'node:fs'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { addressFromUri, connectNbd, type NbdClient } from '@holdfast/protocol-nbd'
import { skipsWithout } from 'holdfast-lab'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeIdentities } from './support/identities.js'
import { startServing } from './support/serving.js'
import { jsonLines, type Workplace, workplace } from './support/workplace.js'

let place: Workplace
let temporary: string

beforeAll(async () => {
  place = await workplace()
  temporary = join(place.folder, 'temporary')
  mkdirSync(temporary)
  expect((await place.holdfast(['init'])).exitCode).toBe(0)
  expect((await place.holdfast(['run'])).exitCode).toBe(0)
})
afterAll(() => place[Symbol.asyncDispose]())

const serving = (...args: readonly string[]) => startServing(place.folder, args, { TMPDIR: temporary })

async function connect(uri: string | undefined, tls?: Parameters<typeof connectNbd>[1]): Promise<NbdClient> {
  const { address, exportName } = addressFromUri(uri ?? '')
  return await connectNbd(address, { exportName, ...tls })
}

async function wholeOf(client: NbdClient): Promise<Buffer> {
  const bytes = Buffer.alloc(client.sizeBytes)
  await client.read(0, bytes)
  return bytes
}

const original = (machine: string, disk: string) => readFileSync(join(place.folder, 'machines', machine, `${disk}.raw`))

describe('serve', () => {
  test('shows every disk on a socket that nobody else reaches, and ends with Ctrl-C and no traces', async () => {
    await using server = await serving('db@latest')
    expect([...server.uris.keys()].toSorted()).toEqual(['data', 'root'])
    for (const [disk, uri] of server.uris) {
      const { address } = addressFromUri(uri)
      const socket = 'path' in address ? address.path : ''
      expect(statSync(dirname(socket)).mode & 0o777).toBe(0o700)
      await using client = await connect(uri)
      expect((await wholeOf(client)).equals(original('db', disk))).toBe(true)
    }
    expect(await server.stop()).toBe(0)
    const { stdout, stderr } = server.printed()
    expect(stderr).toBe('')
    expect(stdout).toMatch(/^db: serving 2 disks of \S+ from vault, until Ctrl-C\n/)
    expect(stdout).toMatch(/qemu-system-x86_64 -m 2048 -drive 'file=nbd\+unix:.*-drive /)
    expect(stdout).toMatch(/Stopped\. 2 clients, .* fetched from vault\n {2}data: \S+ MiB read, 0 B written\n/)
    expect((await readdir(temporary)).filter((name) => name.startsWith('holdfast-'))).toEqual([])
  })

  test('takes writes and throws them away', async () => {
    const written = Buffer.alloc(70_000, 7)
    for (let again = 0; again < 2; again++) {
      await using server = await serving('web@latest', '--disk', 'root')
      await using client = await connect(server.uris.get('root'))
      expect((await wholeOf(client)).equals(original('web', 'root'))).toBe(true)
      await client.write(123_456, written)
      await client.trim(400_000, 100_000)
      await client.flush()
      const expected = original('web', 'root')
      expected.set(written, 123_456)
      expected.fill(0, 400_000, 500_000)
      expect((await wholeOf(client)).equals(expected)).toBe(true)
    }
    expect(await place.holdfast(['verify', '--read-data'])).toMatchObject({ exitCode: 0 })
  })

  test('keeps writes in a folder and goes on with them, for this point only', async () => {
    const written = Buffer.alloc(5000, 9)
    const args = ['web@latest', '--overlay', 'kept'] as const
    {
      await using server = await serving(...args)
      await using client = await connect(server.uris.get('root'))
      await client.write(4000, written)
      await expect(serving(...args)).rejects.toThrow(/E_PLACEMENT/)
    }
    {
      await using server = await serving(...args)
      await using client = await connect(server.uris.get('root'))
      const expected = original('web', 'root')
      expected.set(written, 4000)
      expect((await wholeOf(client)).equals(expected)).toBe(true)
    }
    await expect(serving('db@latest', '--disk', 'root', '--overlay', 'kept')).rejects.toThrow(/E_PLACEMENT/)
    expect((await readdir(join(place.folder, 'kept'))).toSorted()).toEqual(['root.data', 'root.journal'])
  })

  test('lets nobody write when it is told so', async () => {
    await using server = await serving('web@latest', '--read-only')
    await using client = await connect(server.uris.get('root'))
    expect(client.readOnly).toBe(true)
    await expect(client.write(0, Buffer.alloc(512))).rejects.toMatchObject({ code: 'unsupported' })
    expect(server.printed().stdout).toContain('Nothing can be written.\n')
  })

  test('with --json says where each disk is, who came, and how it ended', async () => {
    await using server = await serving('web@latest', '--json', '--listen', 'tcp:127.0.0.1:0')
    const [ready] = jsonLines(server.printed().stdout)
    expect(ready).toEqual({
      type: 'export-ready',
      disk: 'root',
      sizeBytes: 2 * 2 ** 20,
      readOnly: false,
      uri: expect.stringMatching(/^nbd:\/\/127\.0\.0\.1:\d+\/root$/),
    })
    const client = await connect(String(ready?.['uri']))
    await client.read(0, Buffer.alloc(4096))
    await client[Symbol.asyncDispose]()
    expect(await server.stop()).toBe(0)
    const [, came, result, ...others] = jsonLines(server.printed().stdout)
    expect(came).toEqual({ type: 'client-connected', disk: 'root', address: '127.0.0.1' })
    expect(result).toMatchObject({
      type: 'result',
      command: 'serve',
      status: 'done',
      exitCode: 0,
      machine: 'web',
      target: 'vault',
      clients: 1,
      disks: [{ disk: 'root', readBytes: 4096, writtenBytes: 0 }],
      fetchedFrames: 1,
    })
    expect(others).toEqual([])
  })

  test('turns away who is not on the list', async () => {
    await using closed = await serving('web@latest', '--listen', 'tcp:127.0.0.1:0', '--allow', '10.0.0.0/8', '::1')
    await expect(connect(closed.uris.get('root'))).rejects.toMatchObject({ name: 'NbdError' })
    await using open = await serving('web@latest', '--listen', 'tcp:127.0.0.1:0', '--allow', '10.0.0.1', '127.0.0.0/30')
    await using client = await connect(open.uris.get('root'))
    expect(client.sizeBytes).toBe(2 * 2 ** 20)
  })

  test('says what stands in the way of listening', async () => {
    await using first = await serving('web@latest', '--listen', 'unix:./here.sock')
    expect(first.uris.get('root')).toBe(`nbd+unix:///root?socket=${join(place.folder, 'here.sock')}`)
    await expect(serving('web@latest', '--listen', 'unix:./here.sock')).rejects.toThrow(/ended with 2: .*EADDRINUSE/)
  })

  test('says once which object is damaged, and serves the rest', async () => {
    await using other = await workplace()
    await other.holdfast(['init'])
    await other.holdfast(['run'])
    await using server = await startServing(other.folder, ['web@latest', '--read-only'])
    await using client = await connect(server.uris.get('root'), { metaContexts: ['base:allocation'] })
    const packs = join(other.folder, 'vault', 'packs')
    const names = (await readdir(packs, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile())
    // The tree is at hand from then on; data packs are the large ones.
    for await (const _ of client.blockStatus('base:allocation', 0, client.sizeBytes));
    for (const { parentPath, name } of names) {
      const bytes = await readFile(join(parentPath, name))
      if (bytes.length > 100_000) await writeFile(join(parentPath, name), bytes.fill(0, 100, bytes.length - 1000))
    }
    for (let again = 0; again < 3; again++)
      await expect(client.read(0, Buffer.alloc(4096))).rejects.toMatchObject({ code: 'io', errno: 'EIO' })
    await server.stop()
    const complaints = server
      .printed()
      .stderr.split('\n')
      .filter((line) => line.includes('warning:'))
    expect(complaints).toHaveLength(1)
    expect(complaints[0]).toMatch(/Disk 'root' of web .* packs\/.. *.*is damaged/)
  })

  test.skipIf(skipsWithout('openssl'))(
    'with certificates lets in who has one, by fingerprint too, on any network',
    async () => {
      const { ca, client, fingerprint256 } = makeIdentities(place.folder)
      const tls = ['--tls-cert', 'server-cert.pem', '--tls-key', 'server-key.pem', '--tls-ca', 'ca-cert.pem']
      {
        await using server = await serving('web@latest', '--listen', 'tcp:0.0.0.0:0', ...tls)
        const uri = server.uris.get('root')?.replace('0.0.0.0', '127.0.0.1')
        expect(uri).toMatch(/^nbds:/)
        await expect(connect(uri)).rejects.toMatchObject({ code: 'tls-required' })
        await expect(connect(uri, { tls: { ca } }).then((one) => wholeOf(one))).rejects.toMatchObject({
          name: 'NbdError',
        })
        await using known = await connect(uri, { tls: { ca, ...client } })
        expect((await wholeOf(known)).equals(original('web', 'root'))).toBe(true)
      }
      const listen = ['--listen', 'tcp:127.0.0.1:0', ...tls, '--allow']
      await using right = await serving('web@latest', ...listen, fingerprint256)
      await using known = await connect(right.uris.get('root'), { tls: { ca, ...client } })
      expect(known.sizeBytes).toBe(2 * 2 ** 20)
      await using wrong = await serving('web@latest', ...listen, fingerprint256.replace(/^../, '00'))
      await expect(connect(wrong.uris.get('root'), { tls: { ca, ...client } })).rejects.toMatchObject({
        name: 'NbdError',
      })
    },
  )
})
