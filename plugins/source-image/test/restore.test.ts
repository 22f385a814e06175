import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { DiskId, Machine, MachineId, Placement } from '@holdfast/core'
import { toArray } from '@holdfast/testkit'
import { describe, expect, it } from 'vitest'
import { readDisk } from './support/images.js'
import { call, capture, filled, machineRoot, openSource } from './support/machines.js'

const sizeBytes = 1 << 20
const machine: Machine = {
  id: 'm-1' as MachineId,
  name: 'web',
  firmware: 'uefi',
  nics: [{ macAddress: '52:54:00:00:00:01', network: 'lan', model: 'e1000' }, {}],
  disks: [{ id: 'root' as DiskId, sizeBytes, bus: 'virtio' }],
}

async function restore(path: string, placement: Placement) {
  const session = await openSource(path)
  if (session.restore === undefined) throw new Error('no restore')
  return session.restore.provision(machine, placement, call)
}

describe('a machine that is put back', () => {
  it.each([
    [undefined, 'root.raw'],
    ['qcow2', 'root.qcow2'],
    ['vhdx', 'root.vhdx'],
  ])('has images of the format that its placement asks for (%j)', async (format, file) => {
    const root = machineRoot()
    const bytes = filled(64 * 1024)
    await using placed = await restore(root.path, format === undefined ? {} : { settings: { format } })
    await placed.disks[0]?.write(4096, bytes, call)
    await placed.commit(call)
    expect(placed.location).toBe(join(root.path, 'web'))
    const disk = await readDisk(join(placed.location, file))
    expect([disk.byteLength, Buffer.compare(disk.subarray(4096, 4096 + bytes.length), bytes)]).toEqual([sizeBytes, 0])
    const again = await capture(root.path, 'web')
    expect(again.machine).toMatchObject({ ...machine, disks: [{ id: 'root', sizeBytes, bus: 'virtio' }] })
  })

  it('has images of the kind that its placement asks for', async () => {
    const root = machineRoot()
    await using placed = await restore(root.path, { settings: { format: 'vmdk', variant: 'monolithicFlat' } })
    await placed.commit(call)
    expect(readdirSync(placed.location)).toContain('root-flat.vmdk')
  })

  it.each([
    ['an unknown setting', { datastore: 'fast' }, /datastore/],
    ['an unknown format', { format: 'qed' }, /format/],
    ['an empty variant', { variant: '' }, /variant/],
    ['a kind that is not written', { format: 'qcow2', variant: 'striped' }, /striped/],
  ])('is refused with %s, and nothing is left', async (_what, settings, message) => {
    const root = machineRoot()
    await expect(restore(root.path, { settings })).rejects.toMatchObject({
      code: 'E_PLACEMENT',
      plugin: 'image',
      message: expect.stringMatching(message),
      hint: expect.any(String),
    })
    expect(readdirSync(root.path)).toEqual([])
  })

  it('is refused where a folder of its name is, which stays as it is', async () => {
    const root = machineRoot()
    mkdirSync(join(root.path, 'web'))
    await expect(restore(root.path, {})).rejects.toMatchObject({ code: 'E_PLACEMENT' })
    expect(readdirSync(root.path)).toEqual(['web'])
  })

  it('keeps its id, but for a copy beside its original, which is another machine', async () => {
    const root = machineRoot()
    for (const name of ['web', 'copy']) {
      await using placed = await restore(root.path, { name })
      await placed.commit(call)
    }
    const found = await toArray((await openSource(root.path)).discover({}, call))
    expect(found.map(({ name }) => name).sort()).toEqual(['copy', 'web'])
    expect(found.find(({ name }) => name === 'web')?.id).toBe('m-1')
    expect(found.find(({ name }) => name === 'copy')?.id).not.toBe('m-1')
    expect(JSON.parse(readFileSync(join(root.path, 'copy', 'machine.json'), 'utf8')).name).toBe('copy')
    for (const { name } of found) expect((await capture(root.path, name)).disks).toHaveLength(1)
  })

  it('is not begun after an abort', async () => {
    const root = machineRoot()
    const session = await openSource(root.path)
    const signal = AbortSignal.abort(new Error('stop'))
    await expect(session.restore?.provision(machine, {}, { signal })).rejects.toThrow('stop')
    expect(readdirSync(root.path)).toEqual([])
  })
})
