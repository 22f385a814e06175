import { describe, expect, it } from 'vitest'
import { readOvf } from '../src/index.js'
import { fixture, fixtureBytes } from './support/fixtures.js'
import { refusal } from './support/refusal.js'

const only = (text: Uint8Array | string) => {
  const { machines } = readOvf(text)
  if (machines.length !== 1 || machines[0] === undefined) throw new Error(`${machines.length} machines`)
  return machines[0]
}

describe('an OVF of ovftool', () => {
  const machine = only(fixtureBytes('ovftool.ovf'))

  it('gives the machine in neutral terms, of the default configuration', () => {
    expect(machine).toMatchObject({
      id: 'db & co',
      name: 'db & co',
      firmware: 'uefi',
      cpus: 8,
      memoryBytes: 4 * 1024 ** 3,
      nics: [{ network: 'VM Network', model: 'VmxNet3' }],
    })
  })

  it('names disks by diskId, with size, file, controller and boot order', () => {
    expect(machine.disks).toEqual([
      {
        id: 'vmdisk1',
        file: 'db-disk1.vmdk',
        sizeBytes: 40 * 1024 ** 3,
        imageFormat: 'vmdk',
        bus: 'scsi',
        controller: { name: 'scsi0', model: 'VirtualSCSI' },
        slot: 0,
        bootOrder: 1,
      },
      {
        id: 'vmdisk2',
        file: 'db-disk2.vmdk',
        sizeBytes: 100 * 1024 ** 3,
        imageFormat: 'vmdk',
        bus: 'sata',
        controller: { name: 'sata0', model: 'vmware.sata.ahci' },
        slot: 5,
      },
    ])
  })

  it('lists all files, those of no disk as well', () => {
    expect(readOvf(fixture('ovftool.ovf')).files).toEqual([
      { id: 'file1', href: 'db-disk1.vmdk', sizeBytes: 1_433_600_000 },
      { id: 'file2', href: 'db-disk2.vmdk', sizeBytes: 71_680 },
      { id: 'file3', href: 'db-file1.nvram', sizeBytes: 270_840 },
    ])
  })

  it.each([
    ['CD', 'line 110', 'not a hard disk'],
    ['device of type 24: video', 'line 130', 'no equal'],
    ['1 virtual CPU(s)', 'line 57', 'not the default one'],
    ['2 virtual CPU(s)', 'line 41', 'replaces it'],
    ['1024MB of memory', 'line 71', 'minimum'],
    ['disk vmdisk3', 'DiskSection', 'No machine'],
    ['vmw:Config, vmw:ExtraConfig', 'vmw:ExtraConfig (line 138)', 'native text'],
    ['OperatingSystemSection, AnnotationSection', 'line 30', 'native text'],
  ])('notes %s', (what, where, why) => {
    const note = machine.notes.find((each) => each.what === what)
    expect(note?.where).toContain(where)
    expect(note?.why).toContain(why)
  })
})

it('reads an OVF of VirtualBox, with its own uuid and firmware', () => {
  const machine = only(fixtureBytes('virtualbox.ovf'))
  expect(machine).toMatchObject({
    id: '5a1d2c3b-4e5f-4a6b-8c7d-9e0f1a2b3c4d',
    name: 'lab',
    firmware: 'uefi',
    cpus: 2,
    memoryBytes: 2 * 1024 ** 3,
    disks: [{ id: 'vmdisk1', file: 'lab-disk001.vmdk', sizeBytes: 25 * 1024 ** 3, bus: 'sata', slot: 0 }],
    nics: [{ network: 'NAT', model: 'E1000' }],
  })
  expect(machine.notes.map(({ what }) => what)).toContain("VirtualBox's own settings")
})

describe('a collection of OVF 2', () => {
  const { machines } = readOvf(fixture('collection.ovf'))

  it('gives each machine with an id of its own', () => {
    expect(machines.map(({ id, name }) => [id, name])).toEqual([
      ['node', 'node'],
      ['node-1', 'node'],
    ])
    expect(machines[0]).toMatchObject({
      memoryBytes: 2 * 1024 ** 3,
      nics: [{ macAddress: '52:54:00:11:22:33', network: 'lan' }],
      disks: [{ id: 'web-disk', file: 'web.vmdk.gz', sizeBytes: 8 * 1024 ** 3, imageFormat: 'vmdk' }],
    })
    expect(machines[1]?.disks).toMatchObject([{ id: 'db-disk', bus: 'nvme', slot: 3, sizeBytes: 16 * 1024 ** 3 }])
  })

  it('tells what must be done before an image can be read', () => {
    expect(machines[0]?.notes.map(({ what }) => what)).toContain('compression gzip of disk web-disk')
    expect(machines[1]?.notes.map(({ what }) => what)).toContain('parts of disk db-disk')
    expect(machines[1]?.notes.map(({ what }) => what).join()).toContain('image format http://example.com')
  })
})

const withDisk = (disk: string, files = '<File ovf:id="f" ovf:href="a.vmdk"/>', item = 'ovf:/disk/d') =>
  `<Envelope xmlns:ovf="o" xmlns:rasd="r"><References>${files}</References><DiskSection>${disk}</DiskSection><VirtualSystem ovf:id="v"><VirtualHardwareSection><Item><rasd:HostResource>${item}</rasd:HostResource><rasd:InstanceID>1</rasd:InstanceID><rasd:ResourceType>17</rasd:ResourceType></Item></VirtualHardwareSection></VirtualSystem></Envelope>`

describe('a disk of OVF', () => {
  it.each([
    ['7', 'byte * 2^20', 7 * 1024 ** 2],
    ['7', 'byte*2^10', 7 * 1024],
    ['7', 'MegaBytes', 7 * 1024 ** 2],
    ['7', 'byte * 1024 * 1024', 7 * 1024 ** 2],
    ['7', 'GB', 7 * 1024 ** 3],
    ['7168', 'byte', 7168],
  ])('has %s %s', (capacity, units, sizeBytes) => {
    const disk = `<Disk ovf:diskId="d" ovf:fileRef="f" ovf:capacity="${capacity}" ovf:capacityAllocationUnits="${units}"/>`
    expect(only(withDisk(disk)).disks[0]?.sizeBytes).toBe(sizeBytes)
  })

  it('has no size when that is a property to be set', () => {
    const property = `$${'{size}'}`
    const machine = only(withDisk(`<Disk ovf:diskId="d" ovf:fileRef="f" ovf:capacity="${property}"/>`))
    expect(machine.disks).toEqual([{ id: 'd', file: 'a.vmdk' }])
    expect(machine.notes.map(({ what }) => what)).toContain(`capacity ${property} of disk d`)
  })

  it('may be a file without an entry of its own, and paths stay as stated', () => {
    const files = '<File ovf:id="f" ovf:href="../../etc/shadow"/>'
    expect(only(withDisk('', files, 'ovf:/file/f')).disks).toEqual([{ id: 'f', file: '../../etc/shadow' }])
  })

  it.each([
    ['a delta of another disk', '<Disk ovf:diskId="d" ovf:fileRef="f" ovf:parentRef="p"/>', 'parentRef'],
    ['no diskId', '<Disk ovf:fileRef="f"/>', 'no diskId'],
    ['a file that is not there', '<Disk ovf:diskId="d" ovf:fileRef="g"/>', 'no file g'],
    ['a capacity that is no number', '<Disk ovf:diskId="d" ovf:capacity="x"/>', 'whole number'],
    [
      'a capacity of hertz',
      '<Disk ovf:diskId="d" ovf:capacity="1" ovf:capacityAllocationUnits="hertz"/>',
      'count bytes',
    ],
    [
      'a capacity beyond all',
      '<Disk ovf:diskId="d" ovf:capacity="9" ovf:capacityAllocationUnits="byte * 2^60"/>',
      'count bytes',
    ],
    ['a diskId twice', '<Disk ovf:diskId="d"/><Disk ovf:diskId="d"/>', 'diskId d'],
    ['another diskId than the item', '<Disk ovf:diskId="e"/>', 'no disk d'],
  ])('is refused with %s', (_what, disk, problem) => {
    const error = refusal(() => readOvf(withDisk(disk)))
    expect(error).toMatchObject({ code: 'E_SOURCE_INVALID', context: { line: 1 } })
    expect(error.message).toContain(problem)
  })
})

it.each([
  ['no envelope', '<domain/>'],
  ['no machine', '<Envelope/>'],
])('refuses what has %s', (_what, text) => {
  expect(refusal(() => readOvf(text)).code).toBe('E_SOURCE_INVALID')
})
