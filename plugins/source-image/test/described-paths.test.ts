import { mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { domain, fileDisk, ovf, vmx } from './support/descriptions.js'
import { writeImage } from './support/images.js'
import { capture, machineRoot } from './support/machines.js'

/** Sizes tell which file a reference led to. */
const here = 1024
const deeper = 2048
const elsewhere = 4096

/** A machine folder with a domain whose only disk has this reference; raw files wherever it could lead. */
function machineNaming(reference: string) {
  const root = machineRoot()
  const templates = machineRoot()
  root.disk('w/disk.img', here)
  root.disk('w/sub/disk.img', deeper)
  root.disk('w/my disk.img', here)
  root.disk('other/disk.img', elsewhere)
  templates.disk('pool/disk.img', elsewhere)
  root.file('w/web.xml', domain('web', [fileDisk('vda', reference.replace('{pool}', templates.path), 'raw')]))
  return { root, templates }
}

async function sizeOf(reference: string, isListed = false): Promise<number | string | undefined> {
  const { root, templates } = machineNaming(reference)
  const { disks, unavailable } = await capture(root.path, 'web', {}, { parentsIn: isListed ? [templates.path] : [] })
  return disks[0]?.sizeBytes ?? unavailable[0]?.reason
}

describe('the file that a description names', () => {
  it.each([
    ['beside it', 'disk.img', here],
    ['below it', 'sub/disk.img', deeper],
    ['below it, as Windows writes that', 'sub\\disk.img', deeper],
    ['beside it, by a full Windows path', 'C:\\VMs\\sub\\disk.img', here],
    ['beside it, by a Windows share', '\\\\server\\vms\\disk.img', here],
    ['beside it, by a path of another host', '/vmfs/volumes/5f0e/web/disk.img', here],
    ['beside it, by a file URL', 'file:///srv/vms/disk.img', here],
    ['beside it, by a datastore', '[datastore1] web/disk.img', here],
    ['below it, by a datastore, by as many parts as there are', '[datastore1] web/sub/disk.img', deeper],
    ['beside it, by a datastore without a folder', '[datastore1] disk.img', here],
    ['beside it, by a datastore whose way up counts for nothing', '[datastore1] x/../../other/disk.img', here],
    ['by a URL', 'my%20disk.img', here],
    ['by a way that ends below it', '../w/disk.img', here],
  ])('is found %s', async (_where, reference, expected) => {
    expect(await sizeOf(reference)).toBe(expected)
  })

  it('is meant as stated where the rules allow that, and nothing beside takes its place', async () => {
    expect(await sizeOf('{pool}/pool/disk.img', true)).toBe(elsewhere)
    expect(await sizeOf('{pool}/gone/disk.img', true)).toMatch(/there is no such file/)
    expect(await sizeOf('{pool}/pool/disk.img')).toBe(here)
  })

  it.each([
    '../other/disk.img',
    '..\\other\\disk.img',
    '../../../../../../etc/passwd',
    'sub/../../other/disk.img',
    '%2e%2e/other/disk.img',
    '/etc/passwd',
    'file:///etc/passwd',
    '/dev/disk.img',
    '/proc/../dev/disk.img',
    '//dev/disk.img',
    '.',
    '..',
    '/',
    'C:\\',
    'C:\\..',
    '[datastore1] ..',
    'https://host.example/disk.img',
    'disk.img%00',
  ])('outside is not reached: %j', async (reference) => {
    const { root } = machineNaming(reference)
    const { disks, unavailable } = await capture(root.path, 'web')
    expect(disks).toEqual([])
    expect(unavailable).toHaveLength(1)
  })

  it.each([true, false])('outside by way of a link depends on followSymlinks (%j)', async (followSymlinks) => {
    const root = machineRoot()
    root.disk('other/disk.img', elsewhere)
    mkdirSync(join(root.path, 'w'))
    symlinkSync(join(root.path, 'other', 'disk.img'), join(root.path, 'w', 'disk.img'))
    root.file('w/web.xml', domain('web', [fileDisk('vda', 'disk.img', 'raw')]))
    const { disks, unavailable } = await capture(root.path, 'web', {}, { followSymlinks })
    if (followSymlinks) expect(disks[0]?.sizeBytes).toBe(elsewhere)
    else expect(unavailable[0]?.reason).toMatch(/links out/)
  })

  it('of two disks that lead to one file, neither is taken for the other', async () => {
    const root = machineRoot()
    await writeImage(join(root.path, 'w', 'data.vmdk'), { format: 'vmdk', sizeBytes: here })
    await writeImage(join(root.path, 'w', 'root.vmdk'), { format: 'vmdk', sizeBytes: here })
    const disks = {
      'scsi0:0': '[fast] web/root.vmdk',
      'scsi0:1': '[fast] web/data.vmdk',
      'scsi0:2': 'D:\\w\\data.vmdk',
    }
    root.file('w/web.vmx', vmx('web', disks))
    const taken = await capture(root.path, 'web')
    expect(taken.disks.map(({ id }) => id)).toEqual(['scsi0:0'])
    expect(taken.unavailable).toEqual(
      ['scsi0:1', 'scsi0:2'].map((id) => ({ id, reason: expect.stringMatching(/scsi0:1, scsi0:2 all lead/) })),
    )
  })

  it.each([
    ['a stated format wins over the name', 'disk.qcow2', 'raw', 512],
    ['a stated format wins over the bytes', 'disk.img', 'qcow2', here],
    ['without one, the name promises and the bytes decide', 'disk.qcow2', undefined, here],
    ['without one, a raw name is never looked into', 'disk.img', undefined, 512],
  ] as const)('is of the right format: %s', async (_what, file, format, expected) => {
    const root = machineRoot()
    await writeImage(join(root.path, 'w', file), { format: 'qcow2', sizeBytes: here })
    root.file('w/web.xml', domain('web', [fileDisk('vda', file, format)]))
    const { disks } = await capture(root.path, 'web')
    // A raw disk is as long as its file.
    if (expected === here) expect(disks[0]?.sizeBytes).toBe(here)
    else expect(disks[0]?.sizeBytes).toBeGreaterThan(64 * 1024)
  })

  it('cannot flood or steer a terminal by its name', async () => {
    const root = machineRoot()
    root.file('w/app.ovf', ovf([{ name: 'web', disks: ['d'] }], { d: `x&#x9b;31m${'y'.repeat(4000)}` }))
    const [disk] = (await capture(root.path, 'web')).unavailable
    expect(disk?.reason.length).toBeLessThan(1000)
    expect(disk?.reason).not.toMatch(/\p{Cc}/u)
  })
})
