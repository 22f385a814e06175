import type { ChangeToken, DiskId, MachineRef } from '@holdfast/core'
import { fakeFault } from '@holdfast/protocol-vim/testing'
import { describe, expect, it } from 'vitest'
import { call, only, opened, take, treeNames, userSnapshot } from './support/captures.js'
import { fakeSite } from './support/fake-site.js'

describe('snapshots', () => {
  it('of runs that died are removed, and those of runs that live or of people are not', async () => {
    await using site = await fakeSite([{ name: 'web' }])
    const machine = site.machines[0]
    await using session = await opened({}, site)
    let name = ''
    {
      await using _capture = await take(session)
      name = treeNames(site.server, machine?.ref)[0] ?? ''
      // Ours, and alive.
      await expect(take(session)).rejects.toMatchObject({ code: 'E_SOURCE_UNAVAILABLE', retry: 'transient' })
    }
    const dead = name.replace(/-\d+-/, '-4194304-')
    await userSnapshot(site.server, machine?.ref, 'before the update')
    await userSnapshot(site.server, machine?.ref, dead)
    {
      await using _capture = await take(session)
      expect(treeNames(site.server, machine?.ref)).toEqual(['before the update', expect.stringMatching(/^holdfast-/)])
      expect(treeNames(site.server, machine?.ref)).not.toContain(dead)
    }
    expect(treeNames(site.server, machine?.ref)).toEqual(['before the update'])
  })

  it('are removed when the removal fails at first', async () => {
    await using site = await fakeSite([{ name: 'web' }])
    const clock = { now: () => new Date(), sleep: async () => {} }
    await using session = await opened({}, site, { clock })
    const capture = await take(session)
    site.server.failNext(
      'RemoveSnapshot_Task',
      fakeFault('TaskInProgress', 'The operation is not allowed in the current state.'),
      3,
    )
    await capture[Symbol.asyncDispose]()
    expect(site.machines[0]?.snapshots()).toBe(0)
  })

  it('do not stay when the capture fails after them', async () => {
    await using site = await fakeSite([{ name: 'web' }])
    await using session = await opened({}, site)
    const prepared = await session.prepare(
      await only(session),
      { previous: new Map([['scsi0:0' as DiskId, 'vmware1:x/1' as ChangeToken]]) },
      call,
    )
    site.server.failNext('RetrievePropertiesEx', fakeFault('NoPermission', 'denied', { privilegeId: 'System.Read' }))
    await expect(prepared.take(call)).rejects.toMatchObject({ code: 'E_SOURCE_DENIED' })
    expect(site.machines[0]?.snapshots()).toBe(0)
  })

  it('wait for their turn', async () => {
    await using site = await fakeSite(['a', 'b', 'c'].map((name) => ({ name })))
    await using session = await opened({ limits: { snapshotsPerDatastore: 2 } }, site)
    const machines: MachineRef[] = []
    for await (const machine of session.discover({}, call)) machines.push(machine)
    let most = 0
    await Promise.all(
      machines.map(async (machine) => {
        await using prepared = await session.prepare(machine, { previous: new Map() }, call)
        await using _capture = await prepared.take(call)
        most = Math.max(
          most,
          site.machines.reduce((sum, each) => sum + each.snapshots(), 0),
        )
      }),
    )
    expect(most).toBe(2)
  })

  it('are not taken where the datastore is full, or people have left too many', async () => {
    await using site = await fakeSite([{ name: 'web' }])
    await using session = await opened({ minFree: 0.6 }, site)
    await expect(take(session)).rejects.toMatchObject({
      code: 'E_SOURCE_UNAVAILABLE',
      hint: expect.stringContaining('minFree'),
    })
    await userSnapshot(site.server, site.machines[0]?.ref)
    await using tidy = await opened({ maxSnapshots: 0 }, site)
    await expect(take(tidy)).rejects.toMatchObject({
      code: 'E_SOURCE_UNAVAILABLE',
      hint: expect.stringContaining('maxSnapshots'),
    })
  })
})
