import type { DiskId } from '@holdfast/core'
import { describe, expect, it } from 'vitest'
import { type OvfWriteOptions, readOvf, writeOvf } from '../src/index.js'
import { machineFrom, machineWith, placed } from './support/machines.js'

const write = (machine = machineWith(['sata']), options?: OvfWriteOptions) =>
  writeOvf(machine, placed(machine, 'vmdk'), options)
const read = (text: string) => {
  const { machines, files } = readOvf(text)
  if (machines[0] === undefined) throw new Error('no machine')
  return { ...machines[0], files }
}

describe('an OVF', () => {
  it('says what the machine is', () => {
    const fileSizes = new Map([['d0' as DiskId, 12_345]])
    const { text } = write(machineWith(['sata', 'ide'], { firmware: 'uefi', memoryBytes: 1_234_567 }), { fileSizes })
    expect(read(text)).toMatchObject({
      name: 'web',
      firmware: 'uefi',
      cpus: 2,
      memoryBytes: 1_234_567,
      disks: [
        { id: 'd0', file: 'disk0.vmdk', sizeBytes: 1024 ** 3, bus: 'sata', imageFormat: 'vmdk', slot: 0 },
        { id: 'd1', file: 'disk1.vmdk', bus: 'ide', slot: 0 },
      ],
      files: [
        { id: 'file1', href: 'disk0.vmdk', sizeBytes: 12_345 },
        { id: 'file2', href: 'disk1.vmdk' },
      ],
    })
  })

  it('says nothing that this package would not read back', () => {
    const nics = [{ model: 'E1000', network: 'lan', macAddress: '52:54:00:00:00:01' }]
    const machine = { ...machineWith(['sata', 'ide', 'nvme'], { nics }) }
    const disks = machine.disks.map((disk, index) => ({ ...disk, bootOrder: 3 - index }))
    const { notes } = read(write({ ...machine, disks }).text)
    expect(notes.map(({ what }) => what)).toEqual(['vssd:VirtualSystemType'])
  })

  it('keeps controllers whose model is known, and takes SATA for the others, saying so', () => {
    const machine = machineWith(['scsi', 'scsi', 'virtio', 'nvme'])
    const places = placed(machine, 'vmdk').map((place, index) =>
      index === 0 ? { ...place, controllerModel: 'pvscsi' } : place,
    )
    const { text, report } = writeOvf(machine, places)
    expect(read(text).disks.map(({ controller }) => [controller?.name, controller?.model])).toEqual([
      ['scsi0', 'VirtualSCSI'],
      ['sata0', 'vmware.sata.ahci'],
      ['sata0', 'vmware.sata.ahci'],
      ['nvme0', 'vmware.nvme.controller'],
    ])
    expect(report.filter(({ what }) => what.startsWith('bus')).map(({ what }) => what)).toEqual([
      'bus of disk d1',
      'bus of disk d2',
    ])
  })

  it('keeps the order in which disks boot, and the networks of cards', () => {
    const nics = [{ model: 'virtio', network: 'a & b' }, { model: 'VmxNet3', network: 'a & b' }, {}]
    const machine = machineWith(['sata', 'sata'], { nics })
    const disks = machine.disks.map((disk, index) => ({ ...disk, bootOrder: 2 - index }))
    const { text } = write({ ...machine, disks })
    expect(read(text).disks.map(({ bootOrder }) => bootOrder)).toEqual([2, 1])
    expect(read(text).nics).toEqual([
      { network: 'a & b', model: 'E1000' },
      { network: 'a & b', model: 'VmxNet3' },
      { network: 'VM Network', model: 'E1000' },
    ])
    expect(text.match(/<Network /g)).toHaveLength(2)
  })

  it.each(['vhd', 'vhdx', 'qcow2', 'raw'] as const)(
    'names the format of %s images, and says that few take it',
    (format) => {
      const machine = machineWith(['sata'])
      const { text, report } = writeOvf(machine, placed(machine, format))
      expect(read(text).disks[0]?.imageFormat).toBe(format)
      expect(report.map(({ what }) => what)).toContain('image format of disk d0')
    },
  )

  it('gives plain ids to disks whose own would not be read back, never one that another disk has', () => {
    const machine = machineWith(['sata', 'sata', 'sata'])
    const ids = ['a b', 'vmdisk1', 'ü'] as readonly string[] as readonly DiskId[]
    const disks = machine.disks.map((disk, index) => ({ ...disk, id: ids[index] ?? disk.id }))
    const { text, report } = write({ ...machine, disks })
    expect(read(text).disks.map(({ id, file }) => [id, file])).toEqual([
      ['vmdisk2', 'disk0.vmdk'],
      ['vmdisk1', 'disk1.vmdk'],
      ['vmdisk3', 'disk2.vmdk'],
    ])
    expect(report.filter(({ what }) => what.startsWith('id of')).map(({ to }) => to)).toEqual(['vmdisk2', 'vmdisk3'])
  })

  it('says what it cannot carry', () => {
    const { report } = write(machineFrom('esxi.vmx'))
    expect(report.map(({ what, from }) => [what, from])).toEqual(
      expect.arrayContaining([
        ['uuid', '421d5a0c-8f6e-3b77-912c-4d55e0a1b2c3'],
        ['description', 'vmx'],
      ]),
    )
  })
})
