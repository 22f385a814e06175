import { randomBytes } from 'node:crypto'
import { expect, it } from 'vitest'
import { connectVim, openLease } from '../src/index.js'
import { fakeFault, fakeVsphere, type LeaseOffer } from '../src/testing/index.js'
import { collected } from './support/bytes.js'
import { selfSigned } from './support/certificate.js'

const login = { user: 'user', password: 'pass' }
const key = '/vm-27/VirtualLsiLogicController0:0'
const bytes = randomBytes(2_000_000)

async function site(
  offer: Partial<LeaseOffer> = {},
  options: Parameters<typeof fakeVsphere>[0] & { readonly thumbprint?: string } = {},
) {
  const server = await fakeVsphere(options)
  const trust = options.thumbprint === undefined ? {} : { tls: { thumbprint: options.thumbprint } }
  const session = await connectVim({ ...server.address, ...trust }, login)
  const offered = server.offerLease({ files: new Map([[key, bytes]]), ...offer })
  return {
    server,
    session,
    offered,
    [Symbol.asyncDispose]: async () => {
      await session[Symbol.asyncDispose]()
      await server[Symbol.asyncDispose]()
    },
  }
}

it('reads the disks of a lease, and ends it as done', async () => {
  await using at = await site()
  {
    await using lease = await openLease(at.session, at.offered.ref)
    expect(lease.files).toMatchObject([{ key, isDisk: true, targetId: 'disk-0.vmdk' }])
    expect(lease.capacityBytes).toBeGreaterThanOrEqual(bytes.length)
    for (const file of lease.files) expect((await collected(lease.read(file))).equals(bytes)).toBe(true)
    await lease.complete()
  }
  expect(at.offered.state()).toBe('done')
  expect(at.offered.told.at(-1)).toBe(100)
})

it('reads through TLS, by the trust of the session where the lease tells no thumbprint', async () => {
  const tls = selfSigned()
  await using at = await site({}, { tls, thumbprint: tls.sha256 })
  await using lease = await openLease(at.session, at.offered.ref)
  for (const file of lease.files) expect((await collected(lease.read(file))).equals(bytes)).toBe(true)
})

it('writes disks', async () => {
  await using at = await site({ files: new Map([['/disk-0', Buffer.alloc(0)]]) })
  await using lease = await openLease(at.session, at.offered.ref)
  const pieces = async function* () {
    for (let offset = 0; offset < bytes.length; offset += 100_000) yield bytes.subarray(offset, offset + 100_000)
  }
  for (const file of lease.files) await lease.write(file, pieces())
  await lease.complete()
  expect(Buffer.from(at.offered.files.get('/disk-0') ?? []).equals(bytes)).toBe(true)
})

it('aborts a lease that was not completed', async () => {
  await using at = await site()
  {
    await using _lease = await openLease(at.session, at.offered.ref)
  }
  expect(at.offered.state()).toBe('aborted')
})

it('keeps a lease up for as long as it is open', async () => {
  await using at = await site({ timeoutSeconds: 1 })
  await using lease = await openLease(at.session, at.offered.ref)
  lease.progress(42.7)
  await expect.poll(() => at.offered.told.length, { timeout: 20_000 }).toBeGreaterThan(2)
  expect(at.offered.told).toContain(42)
})

it('ends the transfer when the server ends the lease', async () => {
  await using at = await site(
    { timeoutSeconds: 1 },
    {
      onRequest: (request, response) => {
        if (request.url?.startsWith('/nfc/') !== true) return false
        response.writeHead(200)
        // And then nothing more.
        response.write(bytes.subarray(0, 1000))
        return true
      },
    },
  )
  await using lease = await openLease(at.session, at.offered.ref)
  const [file] = lease.files
  if (file === undefined) throw new Error('no file')
  const read = collected(lease.read(file))
  at.offered.abort()
  await expect(read).rejects.toMatchObject({ code: 'lease' })
  await expect(lease.complete()).rejects.toMatchObject({ code: 'lease' })
})

it('says why the server gives no lease', async () => {
  await using at = await site({ fails: fakeFault('FileLocked', 'Unable to access file since it is locked') })
  await expect(openLease(at.session, at.offered.ref)).rejects.toMatchObject({ code: 'lease', fault: 'FileLocked' })
})
