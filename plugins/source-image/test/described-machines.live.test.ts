import { join } from 'node:path'
import { run, skipsWithout } from 'holdfast-lab'
import { describe, expect, it } from 'vitest'
import { domain, fileDisk, ovf, vmx } from './support/descriptions.js'
import { capture, machineRoot } from './support/machines.js'
import { qemuIo, qemuRead } from './support/qemu.js'
import { contentOf } from './support/sample-images.js'

const size = '5M'

/** Makes an image with QEMU and writes to it. */
function image(path: string, format: string, options: string, ...commands: readonly string[]): string {
  run('qemu-img', 'create', '-q', '-f', format, ...(options === '' ? [] : ['-o', options]), path, size)
  for (const command of commands) qemuIo(path, format, command)
  return path
}

async function expectDisk(root: string, disk: string, expected: Uint8Array, parentsIn: readonly string[] = []) {
  const { disks, unavailable } = await capture(root, 'web', {}, { parentsIn })
  expect(unavailable).toEqual([])
  const found = disks.find(({ id }) => id === disk)
  expect(Buffer.compare(await contentOf(found!), expected)).toBe(0)
}

describe.skipIf(skipsWithout('qemu-utils'))('disks that QEMU made, of machines that are described', () => {
  it.each(['monolithicSparse', 'monolithicFlat', 'twoGbMaxExtentSparse', 'twoGbMaxExtentFlat'])(
    'VMX: %s on a datastore',
    async (kind) => {
      const root = machineRoot()
      const path = join(root.folder('web'), 'web.vmdk')
      image(path, 'vmdk', `subformat=${kind}`, 'write -P 7 64k 200k', 'write -P 9 4M 512k')
      root.file('web/web.vmx', vmx('web', { 'scsi0:0': '[datastore1] web/web.vmdk' }))
      await expectDisk(root.path, 'scsi0:0', qemuRead(path, 'vmdk'))
    },
  )

  it('libvirt: a flat folder of domains, images elsewhere, after an external snapshot', async () => {
    const domains = machineRoot()
    const images = machineRoot()
    const base = image(join(images.path, 'web.qcow2'), 'qcow2', '', 'write -P 1 0 1M')
    const top = join(images.path, 'web.snap1')
    run('qemu-img', 'create', '-q', '-f', 'qcow2', '-b', base, '-F', 'qcow2', top)
    qemuIo(top, 'qcow2', 'write -P 2 512k 1M')
    domains.file('web.xml', domain('web', [fileDisk('vda', top, 'qcow2')]))
    await expectDisk(domains.path, 'vda', qemuRead(top, 'qcow2'), [images.path])
    expect((await capture(domains.path, 'web')).unavailable[0]?.reason).toMatch(/there is no such file/)
  })

  it('OVA: packed by tar, read in place', async () => {
    const root = machineRoot()
    const work = machineRoot()
    const source = image(join(work.path, 'source.qcow2'), 'qcow2', '', 'write -P 3 1M 700k', 'write -P 4 3M 64k')
    const packed = join(work.path, 'web-disk1.vmdk')
    const options = ['-O', 'vmdk', '-o', 'subformat=streamOptimized']
    run('qemu-img', 'convert', '-f', 'qcow2', ...options, source, packed)
    work.file('web.ovf', ovf([{ name: 'web', disks: ['d'] }], { d: 'web-disk1.vmdk' }))
    run('tar', '--format=ustar', '-C', work.path, '-cf', join(root.path, 'web.ova'), 'web.ovf', 'web-disk1.vmdk')
    await expectDisk(root.path, 'd', qemuRead(source, 'qcow2'))
  })
})
