import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { FakeMethods } from '@holdfast/protocol-vim/testing'
import { beforeEach, describe, expect, it } from 'vitest'
import { call, contentOf, lines, opened, take, temporaryFolder } from './support/captures.js'
import { diskBytes, type FakeSite, fakeSite } from './support/fake-site.js'

describe('transports', () => {
  const content = (site: FakeSite) => Buffer.from(site.machines[0]?.content(0) ?? [])

  let tempDir = ''
  beforeEach(() => {
    tempDir = temporaryFolder()
  })

  it('are tried in their order, and the choice is told', async () => {
    await using site = await fakeSite([{ name: 'web' }])
    site.machines[0]?.content(0).set(randomBytes(100_000), 777)
    const { logger, said } = lines()
    await using session = await opened(
      { transports: [{ kind: 'san', datastores: { slow: tempDir } }, { kind: 'https' }] },
      site,
      { logger },
    )
    await using capture = await take(session)
    expect((await contentOf(capture)).equals(content(site))).toBe(true)
    expect(said).toContainEqual('disk is read by https; san did not work: no folder is given for datastore fast')
  })

  it('read files of a datastore that lies here', async () => {
    await using site = await fakeSite([{ name: 'web' }])
    site.machines[0]?.content(0).set(randomBytes(100_000), 777)
    const { logger, said } = lines()
    await using session = await opened({ transports: [{ kind: 'san', datastores: { fast: './fast' } }] }, site, {
      logger,
      baseDir: tempDir,
    })
    await using capture = await take(session)
    for (const [path, bytes] of site.server.files) {
      const file = join(tempDir, path.replace('[fast] ', 'fast/'))
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(file, bytes)
    }
    expect((await contentOf(capture)).equals(content(site))).toBe(true)
    expect(said).toContain('disk is read by san, the first choice')
  })

  it('read an exported snapshot, and leave nothing of it', async () => {
    const methods: FakeMethods = {
      ExportSnapshot: () =>
        site.server.offerLease({
          files: new Map(
            site.machines[0] === undefined
              ? []
              : [0, 1].map((at) => [
                  `/vm-1/ParaVirtualSCSIController0:${at}`,
                  streamOptimized(site.machines[0]?.content(at) ?? Buffer.alloc(0)),
                ]),
          ),
        }).ref,
    }
    await using site = await fakeSite([{ name: 'web' }], { methods })
    site.machines[0]?.content(0).set(randomBytes(100_000), 777)
    await using session = await opened({ transports: [{ kind: 'nfc' }] }, site, { tempDir })
    {
      await using capture = await take(session)
      expect((await contentOf(capture)).equals(content(site))).toBe(true)
      expect((await contentOf(capture, 1)).equals(Buffer.from(site.machines[0]?.content(1) ?? []))).toBe(true)
    }
    expect(readdirSync(tempDir)).toEqual([])
  })

  function streamOptimized(bytes: Uint8Array): Uint8Array {
    const [raw, vmdk] = [join(tempDir, 'raw'), join(tempDir, 'vmdk')]
    writeFileSync(raw, bytes)
    execFileSync('qemu-img', ['convert', '-f', 'raw', '-O', 'vmdk', '-o', 'subformat=streamOptimized', raw, vmdk])
    const made = readFileSync(vmdk)
    rmSync(raw)
    rmSync(vmdk)
    return made
  }

  it('go on where the connection failed within a span', async () => {
    let cuts = 0
    await using site = await fakeSite([{ name: 'web' }], {
      onRequest: (request, response) => {
        if (request.headers.range === undefined || request.url?.includes('flat') !== true || cuts++ % 2 === 1)
          return false
        const [, from = '0'] = /bytes=(\d+)/.exec(request.headers.range) ?? []
        const bytes = site.server.files.get('[fast] web/web-flat.vmdk') ?? new Uint8Array()
        response.writeHead(206, {
          'content-length': 500_000,
          'content-range': `bytes ${from}-${Number(from) + 499_999}/${bytes.length}`,
        })
        response.write(bytes.subarray(Number(from), Number(from) + 100_000), () => response.destroy())
        return true
      },
    })
    site.machines[0]?.content(0).set(randomBytes(diskBytes), 0)
    await using session = await opened({}, site, { clock: { now: () => new Date(), sleep: async () => {} } })
    await using capture = await take(session)
    const into = Buffer.alloc(1_000_000)
    await capture.disks[0]?.readInto(50_000, into, call)
    expect(into.equals(content(site).subarray(50_000, 1_050_000))).toBe(true)
    expect(cuts).toBeGreaterThan(1)
  })

  it('say all reasons when none leads to the disk', async () => {
    await using site = await fakeSite([{ name: 'web' }])
    await using session = await opened({ transports: [{ kind: 'san', datastores: {} }, { kind: 'nfc' }] }, site)
    await using capture = await take(session)
    await expect(contentOf(capture)).rejects.toMatchObject({
      code: 'E_SOURCE_READ',
      message: expect.stringMatching(/san: no folder.*nfc: ExportSnapshot was refused/),
    })
  })
})
