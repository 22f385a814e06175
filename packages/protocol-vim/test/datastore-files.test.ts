import { randomBytes } from 'node:crypto'
import { expect, it } from 'vitest'
import { connectVim, datastoreFiles, formatDatastorePath, parseDatastorePath } from '../src/index.js'
import { type FakeVsphereOptions, fakeVsphere } from '../src/testing/index.js'
import { collected } from './support/bytes.js'

const login = { user: 'user', password: 'pass' }
const flat = { datastore: 'fast & wide', path: 'web 01/disk#1-flat.vmdk' }
const bytes = randomBytes(3_000_000)

async function site(options: FakeVsphereOptions = {}) {
  const files = new Map<string, Uint8Array>([[formatDatastorePath(flat), bytes]])
  const server = await fakeVsphere({ files, ...options })
  const session = await connectVim(server.address, login)
  return {
    server,
    files,
    folder: datastoreFiles(session, 'DC0'),
    [Symbol.asyncDispose]: async () => {
      await session[Symbol.asyncDispose]()
      await server[Symbol.asyncDispose]()
    },
  }
}

it('reads spans, over sessions that expire', async () => {
  await using at = await site()
  expect(await at.folder.sizeOf(flat)).toBe(bytes.length)
  for (const [offset, length] of [
    [0, 1],
    [1_234_567, 1_000_000],
    [bytes.length - 5, 5],
    [7, 0],
  ] as const) {
    at.server.expireSessions()
    const read = await collected(at.folder.read(flat, { offset, length }))
    expect(read.equals(bytes.subarray(offset, offset + length))).toBe(true)
  }
})

it('tells what is not there', async () => {
  await using at = await site()
  const absent = { datastore: 'fast & wide', path: 'none' }
  expect(await at.folder.sizeOf(absent)).toBeUndefined()
  await expect(collected(at.folder.read(absent, { offset: 0, length: 1 }))).rejects.toMatchObject({
    code: 'http',
    status: 404,
  })
  await expect(collected(at.folder.read(flat, { offset: bytes.length, length: 1 }))).rejects.toMatchObject({
    code: 'http',
    status: 416,
  })
  await expect(collected(at.folder.read(flat, { offset: bytes.length - 1, length: 9 }))).rejects.toMatchObject({
    code: 'closed',
  })
})

it('writes files', async () => {
  await using at = await site()
  const descriptor = { datastore: 'fast & wide', path: 'new/disk.vmdk' }
  await at.folder.write(descriptor, '# Disk DescriptorFile\n')
  expect(await at.folder.readText(descriptor)).toBe('# Disk DescriptorFile\n')
  const pieces = async function* () {
    for (let offset = 0; offset < bytes.length; offset += 65_537) yield bytes.subarray(offset, offset + 65_537)
  }
  await at.folder.write({ ...flat, path: 'new/flat' }, { sizeBytes: bytes.length, bytes: pieces() })
  expect(at.files.get('[fast & wide] new/flat')?.length).toBe(bytes.length)
  expect(Buffer.from(at.files.get('[fast & wide] new/flat') ?? []).equals(bytes)).toBe(true)
})

it('lets a write fail whose content fails, with the error of the content', async () => {
  await using at = await site()
  const pieces = async function* () {
    yield bytes.subarray(0, 1000)
    throw new Error('the disk is gone')
  }
  const written = at.folder.write({ ...flat, path: 'new' }, { sizeBytes: 5000, bytes: pieces() })
  await expect(written).rejects.toMatchObject({ cause: { message: 'the disk is gone' } })
  expect(at.files.has('[fast & wide] new')).toBe(false)
})

it.each([
  ['hangs up in the midst of a span', (cut: () => void) => cut(), 'closed'],
  ['stalls in the midst of a span', () => {}, 'timeout'],
])('notices a server that %s', async (_, then, code) => {
  await using at = await site({
    onRequest: (request, response) => {
      if (request.method !== 'GET' || request.headers.range === undefined) return false
      response.writeHead(206, { 'content-length': 1000, 'content-range': `bytes 0-999/${bytes.length}` })
      response.write(bytes.subarray(0, 500), () => then(() => response.destroy()))
      return true
    },
  })
  const read = collected(at.folder.read(flat, { offset: 0, length: 1000 }, { timeoutMs: 100 }))
  await expect(read).rejects.toMatchObject({ code, isTransient: true })
})

it.each([
  ['all of the file', 200, {}, 'http'],
  ['another span', 206, { 'content-range': 'bytes 5-1004/3000000' }, 'protocol'],
  ['a failure', 503, {}, 'http'],
])('does not take %s for the span', async (_, status, headers, code) => {
  await using at = await site({
    onRequest: (request, response) => {
      if (request.headers.range === undefined) return false
      response.writeHead(status, headers).end(bytes.subarray(0, 1000))
      return true
    },
  })
  await expect(collected(at.folder.read(flat, { offset: 0, length: 1000 }))).rejects.toMatchObject({ code })
})

it('does not time a reader that is slow', async () => {
  await using at = await site()
  let read = 0
  for await (const piece of at.folder.read(flat, { offset: 0, length: bytes.length }, { timeoutMs: 60 })) {
    if (read === 0) await new Promise((done) => setTimeout(done, 200))
    read += piece.length
  }
  expect(read).toBe(bytes.length)
})

it('reads and writes paths as vSphere writes them', () => {
  expect(parseDatastorePath('[a b] c/d.vmdk')).toEqual({ datastore: 'a b', path: 'c/d.vmdk' })
  expect(parseDatastorePath('[a]')).toEqual({ datastore: 'a', path: '' })
  expect(() => parseDatastorePath('/vmfs/volumes/a')).toThrow(/no path of a datastore/)
})
