import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { DiskId, Machine, MachineId } from '@holdfast/core'
import { type TempFolder, tempFolder } from 'holdfast-lab'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { placeInFolder } from '../src/placement/folder-placement.js'

const call = { signal: new AbortController().signal }
const machine: Machine = {
  id: 'm-1' as MachineId,
  name: '../evil: "web"',
  firmware: 'uefi',
  disks: [
    { id: 'Root' as DiskId, sizeBytes: 10_000, bus: 'scsi' },
    { id: 'root' as DiskId, sizeBytes: 20_000 },
    { id: 'a/b' as DiskId, sizeBytes: 0 },
  ],
}

let temp: TempFolder
beforeEach(() => {
  temp = tempFolder()
})
afterEach(() => temp[Symbol.dispose]())

describe('a machine placed in a folder', () => {
  it('has a folder below it, a file a disk, and its description', async () => {
    await using placed = await placeInFolder(temp.at('out'), machine, machine.disks)
    await placed.disks[1]?.write(19_000, new Uint8Array(1000).fill(7), call)
    await placed.commit(call)
    expect(placed.location).toBe(temp.at('out', '_..%2fevil%3a %22web%22'))
    expect(readdirSync(placed.location).sort()).toEqual(['Root.raw', 'a%2fb.raw', 'machine.json', 'root~2.raw'])
    const bytes = readFileSync(join(placed.location, 'root~2.raw'))
    expect([bytes.byteLength, bytes[18_999], bytes[19_000]]).toEqual([20_000, 0, 7])
    expect(JSON.parse(readFileSync(join(placed.location, 'machine.json'), 'utf8'))).toEqual({
      id: 'm-1',
      name: '../evil: "web"',
      firmware: 'uefi',
      disks: [
        { id: 'Root', file: 'Root.raw', bus: 'scsi' },
        { id: 'root', file: 'root~2.raw' },
        { id: 'a/b', file: 'a%2fb.raw' },
      ],
    })
  })

  it('is not there before it is complete, and leaves nothing when it is given up', async () => {
    {
      await using placed = await placeInFolder(temp.path, machine, machine.disks)
      await placed.disks[0]?.write(0, new Uint8Array(10), call)
      expect(readdirSync(temp.path)).toEqual([expect.stringMatching(/^\..*\.restoring$/)])
    }
    expect(readdirSync(temp.path)).toEqual([])
  })

  it('overwrites nothing, also what came meanwhile', async () => {
    const location = temp.at('_..%2fevil%3a %22web%22')
    {
      await using placed = await placeInFolder(temp.path, machine, machine.disks)
      mkdirSync(location)
      writeFileSync(join(location, 'mine'), '')
      await expect(placed.commit(call)).rejects.toMatchObject({ code: 'E_PLACEMENT' })
    }
    await expect(placeInFolder(temp.path, machine, machine.disks)).rejects.toMatchObject({ code: 'E_PLACEMENT' })
    expect(readdirSync(temp.path)).toEqual(['_..%2fevil%3a %22web%22'])
    expect(readdirSync(location)).toEqual(['mine'])
  })

  it('refuses writes outside a disk and after an abort', async () => {
    await using placed = await placeInFolder(temp.path, machine, machine.disks)
    await expect(placed.disks[0]?.write(9999, new Uint8Array(2), call)).rejects.toMatchObject({ code: 'E_PLACEMENT' })
    await expect(placed.disks[0]?.write(-1, new Uint8Array(2), call)).rejects.toMatchObject({ code: 'E_PLACEMENT' })
    await expect(
      placed.disks[0]?.write(0, new Uint8Array(2), { signal: AbortSignal.abort(new Error('stop')) }),
    ).rejects.toThrow('stop')
  })

  it('is refused in a kind of image that is not written, and leaves nothing', async () => {
    const kind = { format: 'qcow2', variant: 'striped' } as const
    await expect(placeInFolder(temp.path, machine, machine.disks, { kind })).rejects.toMatchObject({
      code: 'E_UNSUPPORTED',
    })
    expect(readdirSync(temp.path)).toEqual([])
  })

  it.each([
    { format: 'vmdk', variant: 'streamOptimized' },
    { format: 'qcow2', compress: true },
  ] as const)('is refused in a kind of image that is written in order only: %o', async (kind) => {
    await expect(placeInFolder(temp.path, machine, machine.disks, { kind })).rejects.toMatchObject({
      code: 'E_UNSUPPORTED',
      hint: expect.stringContaining('holdfast convert'),
    })
    expect(readdirSync(temp.path)).toEqual([])
  })

  it('has a description for the hypervisor of its images, and says what differs', async () => {
    const native = { format: 'vmx', text: 'displayName = "web"' }
    const web: Machine = { ...machine, name: 'web', native, disks: machine.disks.slice(0, 2) }
    await using placed = await placeInFolder(temp.path, web, [{ id: 'Root' as DiskId, sizeBytes: 10_000 }], {
      kind: { format: 'qcow2' },
    })
    await placed.commit(call)
    expect(readdirSync(placed.location).sort()).toEqual([
      'Root.qcow2',
      'machine.json',
      'native.vmx.txt',
      'start-qemu.sh',
      'web.xml',
    ])
    expect(readFileSync(join(placed.location, 'native.vmx.txt'), 'utf8')).toBe(native.text)
    const xml = readFileSync(join(placed.location, 'web.xml'), 'utf8')
    expect(xml).toContain(join(placed.location, 'Root.qcow2'))
    expect(xml).not.toContain('root~2')
    expect(placed.report).toContainEqual(expect.objectContaining({ what: 'bus of disk Root', from: 'scsi' }))
    expect(placed.report).toContainEqual(
      expect.objectContaining({ what: 'size of disk Root', from: '10000 bytes', to: '10240 bytes' }),
    )
  })
})
