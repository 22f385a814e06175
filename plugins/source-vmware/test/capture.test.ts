import { randomBytes } from 'node:crypto'
import type { ChangeToken, DiskId } from '@holdfast/core'
import { type FakeMethods, fakeFault } from '@holdfast/protocol-vim/testing'
import { describe, expect, it } from 'vitest'
import { call, contentOf, extentsOf, lines, only, opened, take, tokensOf, userSnapshot } from './support/captures.js'
import { diskBytes, type FakeSite, fakeSite } from './support/fake-site.js'

describe('a machine', () => {
  it('is found by where it lies, and captured with its configuration', async () => {
    await using site = await fakeSite([{ name: 'web' }])
    await using session = await opened({}, site)
    const ref = await only(session)
    expect(ref).toMatchObject({
      name: 'web',
      labels: { datacenter: 'DC0', folder: '', template: 'false', power: 'poweredOn' },
    })
    await using capture = await take(session)
    expect(capture).toMatchObject({ consistency: 'filesystem', unavailable: [] })
    expect(capture.machine).toMatchObject({
      name: 'web',
      firmware: 'uefi',
      cpus: 2,
      memoryBytes: 2 ** 30,
      native: { format: 'vmx' },
    })
    expect(capture.machine.disks).toMatchObject([
      { id: 'scsi0:0', sizeBytes: diskBytes, bus: 'scsi', label: 'Hard disk 1' },
      { id: 'scsi0:1', sizeBytes: diskBytes },
    ])
  })

  it('is read as it was, then only what has changed, and no snapshot stays', async () => {
    await using site = await fakeSite([{ name: 'web' }])
    const [machine] = site.machines
    machine?.content(0).set(randomBytes(300_000), 1_000_000)
    await using session = await opened({}, site)
    let tokens: ReadonlyMap<DiskId, ChangeToken>
    {
      await using capture = await take(session)
      tokens = tokensOf(capture)
      const was = Buffer.from(machine?.content(0) ?? [])
      machine?.content(0).set(randomBytes(1000), 5_000_000)
      expect((await contentOf(capture)).equals(was)).toBe(true)
      expect(capture.disks[0]?.tracking).toEqual({ mode: 'full', reason: 'no earlier capture' })
      const read = (await extentsOf(capture, undefined)).reduce((sum, { length }) => sum + length, 0)
      expect(read).toBeLessThanOrEqual(300_000 + 2 * 65_536)
    }
    expect(machine?.snapshots()).toBe(0)
    await using capture = await take(session, tokens)
    expect(capture.disks[0]?.tracking.mode).toBe('incremental')
    const changed = await extentsOf(capture, tokens.get('scsi0:0' as DiskId))
    expect(changed).toEqual([{ offset: Math.floor(5_000_000 / 65_536) * 65_536, length: 65_536, kind: 'data' }])
    expect(await extentsOf(capture, tokens.get('scsi0:1' as DiskId), 1)).toEqual([])
  })

  it.each([
    ['its tracking began anew', (site: FakeSite) => site.machines[0]?.resetTracking(), /tracking began anew/],
    [
      'the host knows no more',
      ({ server }: FakeSite) =>
        server.failNext('QueryChangedDiskAreas', fakeFault('FileFault', 'Error caused by file')),
      /cannot tell the changes.*FileFault/,
    ],
  ])('goes in full, with the reason, when %s', async (_, happens, reason) => {
    await using site = await fakeSite([{ name: 'web', disks: [{ sizeBytes: diskBytes }] }])
    await using session = await opened({}, site)
    let tokens: ReadonlyMap<DiskId, ChangeToken>
    {
      await using capture = await take(session)
      tokens = tokensOf(capture)
    }
    happens(site)
    await using capture = await take(session, tokens)
    expect(capture.disks[0]?.tracking).toEqual({ mode: 'full', reason: expect.stringMatching(reason) })
    expect(capture.disks[0]?.changeToken).toBeDefined()
  })

  it('goes in full when tracking cannot be begun, since it has snapshots', async () => {
    await using site = await fakeSite([{ name: 'web' }])
    const machine = site.machines[0]
    await userSnapshot(site.server, machine?.ref)
    machine?.content(0).set(randomBytes(1000), 3_000_000)
    await using session = await opened({}, site)
    await using capture = await take(session, new Map([['scsi0:0' as DiskId, 'vmware1:aa/1' as ChangeToken]]))
    expect(capture.disks[0]?.tracking).toEqual({
      mode: 'full',
      reason: expect.stringMatching(/not begun while the machine has snapshots/),
    })
    expect(capture.disks[0]?.changeToken).toBeUndefined()
    expect((await contentOf(capture)).equals(machine?.content(0) ?? Buffer.alloc(0))).toBe(true)
    await capture[Symbol.asyncDispose]()
    expect(machine?.snapshots()).toBe(1)
  })

  it('is partial where a snapshot leaves disks out, and says why', async () => {
    await using site = await fakeSite([
      {
        name: 'web',
        disks: [
          { sizeBytes: diskBytes },
          { sizeBytes: diskBytes, backing: { diskMode: 'independent_persistent' } },
          { sizeBytes: diskBytes, backing: { compatibilityMode: 'physicalMode' } },
          { sizeBytes: diskBytes, backing: { sharing: 'sharingMultiWriter' } },
          { sizeBytes: diskBytes },
        ],
      },
    ])
    await using session = await opened({ excludeDisks: ['Hard disk 5'] }, site)
    await using capture = await take(session)
    expect(capture.disks.map(({ id }) => id)).toEqual(['scsi0:0'])
    expect(capture.unavailable).toEqual([
      { id: 'scsi0:1', reason: expect.stringContaining('independent_persistent') },
      { id: 'scsi0:2', reason: expect.stringContaining('physical compatibility') },
      { id: 'scsi0:3', reason: expect.stringContaining('sharingMultiWriter') },
    ])
  })
})

describe('a guest', () => {
  it('that has no Tools is captured as if its power failed, or not at all', async () => {
    await using site = await fakeSite([{ name: 'web', hasTools: false }])
    const { logger, said } = lines()
    await using session = await opened({}, site, { logger })
    {
      await using capture = await take(session)
      expect(capture.consistency).toBe('crash')
      expect(said).toContainEqual(expect.stringContaining('crash-consistent'))
    }
    await using strict = await opened({ quiesce: 'always' }, site)
    await expect(take(strict)).rejects.toMatchObject({ code: 'E_FREEZE' })
    expect(site.machines[0]?.snapshots()).toBe(0)
  })

  it('that cannot be snapshot at all is not taken for one that does not come to rest', async () => {
    await using site = await fakeSite([{ name: 'web' }])
    await using session = await opened({}, site)
    const prepared = await session.prepare(await only(session), { previous: new Map() }, call)
    site.server.failNext('CreateSnapshot_Task', fakeFault('NoDiskSpace', 'There is no room for the snapshot.'))
    await expect(prepared.take(call)).rejects.toMatchObject({
      code: 'E_SOURCE_UNAVAILABLE',
      hint: 'Make room on the datastore.',
    })
  })

  it.each([
    ['ends well', [0, 0], undefined],
    ['fails', [3, 0], 'E_FREEZE'],
    ['cannot be undone', [0, 4], 'E_THAW'],
  ])('runs the scripts around its snapshot, in their order; one that %s', async (_, exitCodes, code) => {
    const order: string[] = []
    const methods: FakeMethods = {
      StartProgramInGuest: ({ args }) => {
        order.push(args.children.find(({ name }) => name === 'spec')?.children[0]?.text ?? '')
        return order.length
      },
      ListProcessesInGuest: () => [
        {
          name: 'x',
          pid: 1,
          owner: 'root',
          cmdLine: '',
          startTime: new Date(),
          endTime: new Date(),
          exitCode: exitCodes[order[order.length - 1] === '/thaw' ? 1 : 0] ?? 0,
        },
      ],
    }
    await using site = await fakeSite([{ name: 'web' }], { methods })
    await using session = await opened(
      { guestScripts: { user: 'root', password: { env: 'GUEST_PASSWORD' }, preFreeze: '/freeze', postThaw: '/thaw' } },
      site,
    )
    const prepared = await session.prepare(await only(session), { previous: new Map() }, call)
    const before = site.server.calls.length
    const taken = prepared.take(call)
    if (code === undefined) await (await taken)[Symbol.asyncDispose]()
    else await expect(taken).rejects.toMatchObject({ code })
    const calls = site.server.calls
      .slice(before)
      .filter((each) => ['StartProgramInGuest', 'CreateSnapshot_Task'].includes(each))
    expect(order).toEqual(['/freeze', '/thaw'])
    expect(calls).toEqual(
      code === 'E_FREEZE'
        ? ['StartProgramInGuest', 'StartProgramInGuest']
        : ['StartProgramInGuest', 'CreateSnapshot_Task', 'StartProgramInGuest'],
    )
    expect(site.machines[0]?.snapshots()).toBe(0)
  })
})

describe('what goes wrong', () => {
  it('with the login is told without the password', async () => {
    await using site = await fakeSite([{ name: 'web' }], { login: { user: 'user', password: 'other' } })
    await expect(opened({}, site)).rejects.toMatchObject({ code: 'E_SOURCE_DENIED' })
  })

  it('with a session that expires within a capture is not noticed', async () => {
    await using site = await fakeSite([{ name: 'web' }])
    await using session = await opened({}, site)
    await using capture = await take(session)
    site.server.expireSessions()
    await contentOf(capture)
    site.server.expireSessions()
    await capture[Symbol.asyncDispose]()
    expect(site.machines[0]?.snapshots()).toBe(0)
  })
})
