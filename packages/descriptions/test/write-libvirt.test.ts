import type { DiskId } from '@holdfast/core'
import { describe, expect, it } from 'vitest'
import { type LibvirtWriteOptions, readLibvirt, writeLibvirt } from '../src/index.js'
import { fixture } from './support/fixtures.js'
import { machineFrom, machineWith, placed, uuid } from './support/machines.js'
import { refusal } from './support/refusal.js'

const folder = '/srv/images/'
const write = (machine = machineWith(['virtio']), options?: LibvirtWriteOptions) =>
  writeLibvirt(machine, placed(machine, 'qcow2', folder), options)
const targets = (text: string) => readLibvirt(text).disks.map(({ id, bus }) => `${id} ${bus}`)

describe('a domain that is written anew', () => {
  it('says what the machine is', () => {
    const { text } = write(machineWith(['virtio'], { firmware: 'uefi' }))
    expect(readLibvirt(text)).toMatchObject({
      id: uuid,
      name: 'web',
      firmware: 'uefi',
      cpus: 2,
      memoryBytes: 1024 ** 3,
    })
    expect(text).toContain('<feature enabled="no" name="secure-boot"/>')
  })

  it('keeps virtio, SATA and IDE, and takes SATA for the others, saying so', () => {
    const { text, report } = write(machineWith(['ide', 'sata', 'nvme', 'scsi', 'virtio', 'xen', undefined]))
    expect(targets(text)).toEqual(['hda ide', 'sda sata', 'sdb sata', 'sdc sata', 'vda virtio', 'sdd sata', 'sde sata'])
    expect(text).toContain('machine="pc"')
    const buses = report.filter(({ what }) => what.startsWith('bus of'))
    expect(buses.map(({ from, to }) => [from, to])).toEqual([
      ['nvme', 'sata'],
      ['scsi', 'sata'],
      ['xen', 'sata'],
      ['unknown', 'sata'],
    ])
    expect(report.find(({ what }) => what === 'name of disk d4')).toMatchObject({ from: 'd4', to: 'vda' })
  })

  it('keeps SCSI that was virtio-scsi', () => {
    const machine = machineWith(['scsi', 'scsi'])
    const places = placed(machine, 'raw', folder).map((place) => ({ ...place, controllerModel: 'virtio-scsi' }))
    const { text } = writeLibvirt(machine, places)
    expect(readLibvirt(text).disks.map(({ bus, controller, slot }) => [bus, controller?.model, slot])).toEqual([
      ['scsi', 'virtio-scsi', 0],
      ['scsi', 'virtio-scsi', 1],
    ])
  })

  it.each([
    ['virtio', ['vda virtio', 'vdb virtio'], 'q35'],
    ['virtio-scsi', ['sda scsi', 'sdb scsi'], 'q35'],
    ['sata', ['sda sata', 'sdb sata'], 'q35'],
    ['ide', ['hda ide', 'hdb ide'], 'pc'],
  ] as const)('puts all disks on %s when asked', (diskBus, expected, machineType) => {
    const { text } = write(machineWith(['scsi', undefined]), { diskBus })
    expect(targets(text)).toEqual(expected)
    expect(text).toContain(`machine="${machineType}"`)
  })

  it('keeps names that disks have, whatever their order, and counts on past z', () => {
    const machine = machineWith(Array.from({ length: 30 }, () => 'virtio' as const))
    const disks = machine.disks.map((disk, index) => (index === 29 ? { ...disk, id: 'vda' as DiskId } : disk))
    const names = targets(write({ ...machine, disks }).text).map((name) => name.split(' ')[0])
    expect(names[0]).toBe('vdb')
    expect(names[29]).toBe('vda')
    expect(names.slice(24, 28)).toEqual(['vdz', 'vdaa', 'vdab', 'vdac'])
    expect(new Set(names).size).toBe(30)
  })

  it('boots from the disks in their order, or from the first', () => {
    expect(readLibvirt(write(machineWith(['sata', 'sata'])).text).disks.map(({ bootOrder }) => bootOrder)).toEqual([
      1,
      undefined,
    ])
    const machine = machineWith(['sata', 'sata', 'sata'])
    const orders = [7, undefined, 0]
    const disks = machine.disks.map((disk, index) => {
      const bootOrder = orders[index]
      return bootOrder === undefined ? disk : { ...disk, bootOrder }
    })
    expect(readLibvirt(write({ ...machine, disks }).text).disks.map(({ bootOrder }) => bootOrder)).toEqual([
      2,
      undefined,
      1,
    ])
  })

  it('names networks, bridges and cards, and says what must be there', () => {
    const nics = [
      { model: 'vmxnet3', network: 'VM Network', macAddress: '00:50:56:00:00:01' },
      { model: 'virtio', network: 'lan' },
      {},
    ]
    const { text, report } = write(machineWith(['sata'], { nics }), { networks: { lan: 'bridge:br0' } })
    expect(readLibvirt(text).nics).toEqual([
      { model: 'e1000e', network: 'VM Network', macAddress: '00:50:56:00:00:01' },
      { model: 'virtio', network: 'br0' },
      { model: 'e1000e', network: 'default' },
    ])
    expect(text).toContain('<interface type="bridge">')
    expect(report.find(({ to }) => to === 'libvirt network VM Network')?.why).toContain('bridge:NAME')
  })

  it.each([
    ['a/b', 'a-b'],
    ['two\nlines', 'two-lines'],
    ['  ', 'machine'],
    ['..', 'machine'],
    ['x'.repeat(400), 'x'.repeat(128)],
    ['\0\u0001', '\ufffd\ufffd'],
  ])('takes the name %j as %j, saying so', (name, expected) => {
    const { text, report } = write(machineWith(['sata'], { name }))
    expect(readLibvirt(text).name).toBe(expected)
    expect(report[0]?.what).toBe('name')
  })

  it('attaches devices of the host as such', () => {
    const machine = machineWith(['virtio'])
    const { text } = writeLibvirt(machine, [{ id: 'd0' as DiskId, file: '/dev/vg0/web', imageFormat: 'raw' }])
    expect(text).toContain('<disk type="block" device="disk">')
    expect(readLibvirt(text).disks[0]?.file).toBe('/dev/vg0/web')
  })

  it('refuses a path that is not absolute', () => {
    const machine = machineWith(['virtio'])
    expect(refusal(() => writeLibvirt(machine, placed(machine, 'qcow2'))).code).toBe('E_PLACEMENT')
  })

  it('leaves UUID and MAC addresses to libvirt for a copy', () => {
    const { text } = write(machineWith(['sata'], { nics: [{ macAddress: '52:54:00:00:00:01' }] }), { identity: 'new' })
    expect(text).not.toMatch(/<uuid|<mac/)
  })
})

describe('a domain that came from libvirt', () => {
  const machine = machineFrom('virt-install.xml')
  const normal = (text: string) => text.replaceAll('"', "'").split('\n')

  it('keeps every line but those of its disks', () => {
    const { text, report } = writeLibvirt(machine, placed(machine, 'qcow2', folder))
    const before = normal(fixture('virt-install.xml'))
    const after = normal(text)
    expect(before.filter((line) => !after.includes(line)).map((line) => line.trim())).toEqual([
      "<source file='/var/lib/libvirt/images/files.qcow2'/>",
      "<source file='/srv/a&amp;b 'data'.img'/>",
      "<source file='/srv/iso/debian-12.iso'/>",
    ])
    expect(after.filter((line) => !before.includes(line)).map((line) => line.trim())).toEqual([
      "<?xml version='1.0' encoding='UTF-8'?>",
      "<source file='/srv/images/disk0.qcow2'/>",
      "<driver name='qemu' type='qcow2'/>",
      "<source file='/srv/images/disk1.qcow2'/>",
      "<source file='/srv/iso/debian-12.iso' startupPolicy='optional'/>",
    ])
    expect(report.map(({ what, to }) => [what, to])).toEqual([
      ['image format of disk sdb', 'qcow2'],
      ['medium of sda', 'optional'],
    ])
    expect(text).toContain('<!-- the system -->')
  })

  it('drops what described the old images of a running domain', () => {
    const running = machineFrom('running.xml')
    const { text, report } = writeLibvirt(running, placed(running, 'raw', folder))
    expect(text).not.toMatch(/backingStore|<auth|encryption|rbd|pool=|index=|id="7"/)
    expect(text).toContain('<qemu:arg value="-snapshot"/>')
    expect(readLibvirt(text).disks.map(({ id, file, imageFormat }) => [id, file, imageFormat])).toEqual(
      running.disks.map(({ id }, index) => [id, `/srv/images/disk${index}.raw`, 'raw']),
    )
    expect(report.find(({ what }) => what === 'disk hda')).toMatchObject({ from: 'backingStore', to: 'removed' })
    expect(report.find(({ what }) => what === 'disk vda')).toMatchObject({ from: 'auth', to: 'removed' })
  })

  it('takes name, CPUs, memory and firmware that differ', () => {
    const changed = { ...machine, name: 'copy', cpus: 8, memoryBytes: 2 * 1024 ** 3, firmware: 'bios' as const }
    const { text } = writeLibvirt(changed, placed(machine, 'qcow2', folder))
    expect(readLibvirt(text)).toMatchObject({ name: 'copy', cpus: 8, memoryBytes: 2 * 1024 ** 3, firmware: 'bios' })
    expect(text).not.toMatch(/currentMemory|nvram|OVMF/)
  })

  it('loses a disk that is not restored, and gains one that it did not know, under a free name', () => {
    const [first] = machine.disks
    if (first === undefined) throw new Error('no disk')
    const other = { ...machine, disks: [first, { id: 'extra' as DiskId, sizeBytes: 1, bus: 'sata' as const }] }
    const { text, report } = writeLibvirt(other, placed(other, 'qcow2', folder))
    expect(targets(text)).toEqual(['vda virtio', 'sdc sata'])
    expect(report.map(({ what, to }) => [what, to])).toEqual(
      expect.arrayContaining([
        ['disk sdb', 'removed'],
        ['disk extra', 'attached'],
      ]),
    )
  })

  it('becomes a copy with another identity, on other networks', () => {
    const { text } = writeLibvirt(machine, placed(machine, 'qcow2', folder), {
      identity: 'new',
      networks: { default: 'bridge:br1', br0: 'lab' },
    })
    expect(text).not.toMatch(/<uuid|<mac/)
    expect(readLibvirt(text).nics).toEqual([
      { network: 'br1', model: 'virtio' },
      { network: 'lab', model: 'e1000e' },
    ])
    expect(text).toMatch(/<interface type="bridge">\s*<source bridge="br1"\/>/)
  })

  it('is written anew, with a reason, when the native text cannot be read', () => {
    const native = { format: 'libvirt-xml', text: '<!DOCTYPE x><domain/>' }
    const { report, text } = writeLibvirt({ ...machine, native }, placed(machine, 'qcow2', folder))
    expect(report[0]).toMatchObject({ what: 'description', to: 'written anew' })
    // It was libvirt's, so SCSI is virtio-scsi.
    expect(targets(text)).toEqual(['vda virtio', 'sdb scsi'])
  })
})
