import { randomBytes } from 'node:crypto'
import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ChangeToken, DiskId } from '@holdfast/core'
import {
  connectVim,
  listObjects,
  type MoRef,
  moRef,
  runTask,
  type VimObject,
  type VimSession,
} from '@holdfast/protocol-vim'
import { skipsWithout } from 'holdfast-lab'
import { describe, expect, it } from 'vitest'
import { call, contentOf, lines, temporaryFolder, tokensOf } from './support/captures.js'
import { follow, type LiveSite, liveSite, named, takeNamed } from './support/live-site.js'

const mebibyte = 2 ** 20
const disk = 'scsi0:0' as DiskId

describe.skipIf(skipsWithout('vsphere'))('a simulated vSphere', () => {
  it.each(['vcenter', 'esxi'] as const)(
    '%s over TLS gives a full capture and three incremental ones',
    async (server) => {
      await using site = await liveSite({ server, apiVersion: server === 'esxi' ? '6.5' : '8.0', diskMib: 32 })
      const { control } = site.vsphere
      await site.write('vm1', 3 * mebibyte, randomBytes(4 * mebibyte))
      await using session = await site.open()
      expect(await named(session, 'vm1')).toMatchObject({
        labels: { datacenter: site.vsphere.dataCenter === 'DC0' ? 'DC0' : 'ha-datacenter' },
      })
      const held = Buffer.alloc(32 * mebibyte)
      let tokens: ReadonlyMap<DiskId, ChangeToken> = new Map()
      for (let round = 0; round < 4; round += 1) {
        let changed = 4 * mebibyte
        if (round > 0) {
          changed = 0
          for (const at of [0, 9, 31]) {
            // Blocks of 64 KiB are what is tracked.
            await site.write('vm1', at * mebibyte + round * 65_536, randomBytes(65_536))
            changed += 65_536
          }
        }
        const before = await control.counters()
        await using capture = await takeNamed(session, 'vm1', tokens)
        const was = await site.live('vm1')
        await site.write('vm1', 20 * mebibyte, randomBytes(65_536))
        const since = tokens.get(disk)
        expect(capture.disks[0]?.tracking.mode).toBe(since === undefined ? 'full' : 'incremental')
        await follow(capture, held, since)
        expect(held.equals(was)).toBe(true)
        // What the guest wrote while the last capture was open has changed as well.
        if (round > 0) changed += 65_536
        const read = (await control.counters()).folderBytes - before.folderBytes
        expect(read).toBeGreaterThanOrEqual(changed)
        // The descriptor and the configuration are some hundred bytes.
        expect(read).toBeLessThanOrEqual(changed * 1.1)
        tokens = tokensOf(capture)
        await capture[Symbol.asyncDispose]()
        expect(await control.machine('vm1')).toMatchObject({ snapshots: 0, consolidationNeeded: false, tracking: true })
      }
    },
  )

  it('runs scripts of the guest and of VMware Tools around the snapshot, in their order', async () => {
    await using site = await liveSite({ machines: 1 })
    const { guestFolder } = await site.vsphere.control.machine('vm1')
    const script = (name: string, text: string) => {
      writeFileSync(join(guestFolder, name), `#!/bin/sh\n${text}\n`)
      chmodSync(join(guestFolder, name), 0o755)
    }
    const log = join(guestFolder, 'log')
    script('pre-freeze-script', `echo "tools $1" >> '${log}'`)
    script('post-thaw-script', `echo "tools $1" >> '${log}'`)
    script('before', `echo before >> '${log}'`)
    script('after', `echo after >> '${log}'`)
    const guestScripts = {
      user: 'root',
      password: { env: 'GUEST_LIVE_PASSWORD' },
      preFreeze: '/before',
      postThaw: '/after',
    }
    await using session = await site.open({ guestScripts, quiesce: 'always' })
    {
      await using capture = await takeNamed(session, 'vm1')
      expect(capture.consistency).toBe('filesystem')
    }
    expect(readFileSync(log, 'utf8').split('\n').slice(0, -1)).toEqual([
      'before',
      'tools freeze',
      'tools thaw',
      'after',
    ])
    await using stranger = await site.open({ guestScripts: { ...guestScripts, user: 'nobody' } })
    await expect(takeNamed(stranger, 'vm1')).rejects.toMatchObject({ code: 'E_SOURCE_DENIED' })
    expect((await site.vsphere.control.machine('vm1')).snapshots).toBe(0)
  })

  it('is read by each transport, and by the first that works', async () => {
    await using site = await liveSite({ machines: 1, disks: 2, diskMib: 8 })
    await site.write('vm1', 12_345, randomBytes(3 * mebibyte))
    await site.write('vm1', 5 * mebibyte, randomBytes(mebibyte), 1)
    const [datastore] = site.vsphere.datastores
    const tempDir = temporaryFolder()
    const { logger, said } = lines()
    const ways = [
      {
        transports: [{ kind: 'san', datastores: { [datastore?.name ?? '']: datastore?.folder ?? '' } }],
        says: 'disk is read by san, the first choice',
      },
      { transports: [{ kind: 'nfc' }], says: 'disk is read by nfc, the first choice' },
      { transports: [{ kind: 'https' }], says: 'disk is read by https, the first choice' },
      {
        transports: [{ kind: 'san', datastores: {} }, { kind: 'https' }],
        says: `disk is read by https; san did not work: no folder is given for datastore ${datastore?.name}`,
      },
    ] as const
    for (const { transports, says } of ways) {
      await using session = await site.open({ transports }, { tempDir, logger })
      await using capture = await takeNamed(session, 'vm1')
      const was = [await site.live('vm1', 0), await site.live('vm1', 1)]
      await site.write('vm1', 0, randomBytes(100))
      for (const at of [0, 1])
        expect((await contentOf(capture, at)).equals(was[at] ?? Buffer.alloc(0)), `${says} ${at}`).toBe(true)
      expect(said).toContain(says)
    }
    expect(readdirSync(tempDir)).toEqual([])
    expect((await site.vsphere.control.machine('vm1')).snapshots).toBe(0)
  })

  it('reads a machine that has snapshots of others, which stay', async () => {
    await using site = await liveSite({ machines: 1, diskMib: 8 })
    await site.write('vm1', 0, randomBytes(mebibyte))
    await snapshotOf(site, 'mine')
    await site.write('vm1', mebibyte / 2, randomBytes(mebibyte))
    await using session = await site.open()
    {
      await using capture = await takeNamed(session, 'vm1')
      expect((await contentOf(capture)).equals(await site.live('vm1'))).toBe(true)
      expect(capture.disks[0]?.changeToken).toBeUndefined()
    }
    expect((await site.vsphere.control.machine('vm1')).snapshots).toBe(1)
  })

  it('goes in full, and with the reason, when its tracking was reset', async () => {
    await using site = await liveSite({ machines: 1, diskMib: 8 })
    await using session = await site.open()
    let tokens: ReadonlyMap<DiskId, ChangeToken>
    {
      await using capture = await takeNamed(session, 'vm1')
      tokens = tokensOf(capture)
    }
    await site.vsphere.control.resetTracking('vm1')
    await using capture = await takeNamed(session, 'vm1', tokens)
    expect(capture.disks[0]?.tracking).toEqual({
      mode: 'full',
      reason: expect.stringMatching(/tracking began anew|cannot tell the changes/),
    })
  })

  it('goes on where the machine is moved to another host, and in full where its disks are moved', async () => {
    await using site = await liveSite({ machines: 1, diskMib: 8, hosts: 2, cluster: true, datastores: 2 })
    const { control } = site.vsphere
    await site.write('vm1', 0, randomBytes(mebibyte))
    const held = Buffer.alloc(8 * mebibyte)
    let tokens: ReadonlyMap<DiskId, ChangeToken> = new Map()
    const round = async () => {
      await using session = await site.open()
      await using capture = await takeNamed(session, 'vm1', tokens)
      await follow(capture, held, capture.disks[0]?.tracking.mode === 'incremental' ? tokens.get(disk) : undefined)
      expect(held.equals(await site.live('vm1'))).toBe(true)
      tokens = tokensOf(capture)
      return { id: capture.machine.id, tracking: capture.disks[0]?.tracking }
    }
    const first = await round()
    const before = (await control.machine('vm1')).host
    const [other] = (await placesOf(site, 'HostSystem')).filter(({ name }) => name !== before)
    await relocate(site, { host: other?.ref })
    expect((await control.machine('vm1')).host).not.toBe(before)
    await site.write('vm1', 2 * mebibyte, randomBytes(100))
    expect(await round()).toMatchObject({ id: first.id, tracking: { mode: 'incremental' } })
    const lies = (await control.machine('vm1')).disks[0]?.file ?? ''
    const [elsewhere] = (await placesOf(site, 'Datastore')).filter(({ name }) => !lies.startsWith(`[${name}]`))
    await relocate(site, { datastore: elsewhere?.ref })
    expect((await control.machine('vm1')).disks[0]?.file).toContain(`[${elsewhere?.name}]`)
    await site.write('vm1', 4 * mebibyte, randomBytes(100))
    expect(await round()).toMatchObject({
      id: first.id,
      tracking: { mode: 'full', reason: expect.stringContaining('tracking began anew') },
    })
  })

  describe('whose trouble', () => {
    it.each([
      ['is a session that expires', (site: LiveSite) => site.vsphere.control.expireSessions()],
      ['is a restart', (site: LiveSite) => site.vsphere.control.restart(500)],
      [
        'are answers with status 503',
        (site: LiveSite) =>
          site.vsphere.control.spoilTransfers({ kind: 'folder', path: 'flat', times: 2, status: 503 }),
      ],
      [
        'are answers that are cut',
        (site: LiveSite) =>
          site.vsphere.control.spoilTransfers({ kind: 'folder', path: 'flat', times: 3, after: 300_000 }),
      ],
      [
        'are answers that are held up',
        (site: LiveSite) =>
          site.vsphere.control.spoilTransfers({ kind: 'folder', path: 'flat', times: 1, after: 300_000, stallMs: 500 }),
      ],
    ])('%s is got over within a capture', async (_, happens) => {
      await using site = await liveSite({ machines: 1, diskMib: 8 })
      await site.write('vm1', 0, randomBytes(6 * mebibyte))
      await using session = await site.open()
      {
        await using capture = await takeNamed(session, 'vm1')
        const was = await site.live('vm1')
        await capture.disks[0]?.readInto(0, Buffer.alloc(512), call)
        await happens(site)
        expect((await contentOf(capture)).equals(was)).toBe(true)
      }
      expect((await site.vsphere.control.machine('vm1')).snapshots).toBe(0)
    })

    it('is a wrong certificate, a wrong password or a lacking privilege is told as such, and leaves no snapshot', async () => {
      await using site = await liveSite({ machines: 1, diskMib: 8 })
      await expect(site.open({ thumbprint: '00'.repeat(32) })).rejects.toMatchObject({ code: 'E_SOURCE_DENIED' })
      await expect(site.open({ password: { env: 'GUEST_LIVE_PASSWORD' } })).rejects.toMatchObject({
        code: 'E_SOURCE_DENIED',
      })
      await using session = await site.open({ user: site.vsphere.reader.user })
      await expect(takeNamed(session, 'vm1')).rejects.toMatchObject({
        code: 'E_SOURCE_DENIED',
        hint: expect.stringContaining('VirtualMachine.State.CreateSnapshot'),
      })
      expect((await site.vsphere.control.machine('vm1')).snapshots).toBe(0)
    })

    it('is a failing snapshot, query or removal leaves no snapshot either', async () => {
      await using site = await liveSite({ machines: 1, diskMib: 8 })
      const { control } = site.vsphere
      await using session = await site.open(
        { quiesce: 'always' },
        { clock: { now: () => new Date(), sleep: async () => {} } },
      )
      await control.failCalls(
        { method: 'CreateSnapshot_Task', inTask: true, skip: 1 },
        { type: 'ApplicationQuiesceFault', message: 'no' },
      )
      await expect(takeNamed(session, 'vm1')).rejects.toMatchObject({ code: 'E_FREEZE' })
      await control.clearFaults()
      let tokens: ReadonlyMap<DiskId, ChangeToken>
      {
        await using capture = await takeNamed(session, 'vm1')
        tokens = tokensOf(capture)
        await control.failCalls(
          { method: 'RemoveSnapshot_Task', times: 2, inTask: true },
          { type: 'TaskInProgress', message: 'busy' },
        )
      }
      expect((await control.machine('vm1')).snapshots).toBe(0)
      await control.failCalls(
        { method: 'QueryChangedDiskAreas' },
        { type: 'FileFault', message: 'Error caused by file' },
      )
      await using capture = await takeNamed(session, 'vm1', tokens)
      expect(capture.disks[0]?.tracking).toEqual({ mode: 'full', reason: expect.stringContaining('FileFault') })
    })
  })
})

async function operator({ vsphere }: LiveSite): Promise<VimSession> {
  const { host, port, administrator, thumbprints } = vsphere
  return await connectVim({ host, port, tls: { thumbprint: thumbprints?.sha1 ?? '' } }, administrator)
}

async function snapshotOf(site: LiveSite, name: string): Promise<void> {
  await using session = await operator(site)
  const machine = moRef('VirtualMachine', (await site.vsphere.control.machine('vm1')).ref)
  await runTask(session, machine, 'CreateSnapshot_Task', { name, memory: false, quiesce: false })
}

async function placesOf(
  site: LiveSite,
  type: string,
): Promise<readonly { readonly ref: MoRef; readonly name: string }[]> {
  await using session = await operator(site)
  const places = []
  for await (const { ref, properties } of listObjects(session, { type, paths: ['name'] }))
    places.push({ ref, name: properties.get('name')?.text ?? '' })
  return places
}

async function relocate(site: LiveSite, spec: VimObject): Promise<void> {
  await using session = await operator(site)
  const machine = moRef('VirtualMachine', (await site.vsphere.control.machine('vm1')).ref)
  await runTask(session, machine, 'RelocateVM_Task', { spec })
}
