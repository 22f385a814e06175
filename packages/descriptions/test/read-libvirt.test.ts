import { describe, expect, it } from 'vitest'
import { readLibvirt } from '../src/index.js'
import { fixture, fixtureBytes } from './support/fixtures.js'
import { refusal } from './support/refusal.js'

const domain = (inside: string) => `<domain type='kvm'><name>m</name>${inside}</domain>`
const withDisk = (disk: string) => domain(`<devices><disk type='file'>${disk}</disk></devices>`)

describe('a domain of virt-install', () => {
  const machine = readLibvirt(fixtureBytes('virt-install.xml'))

  it('gives the machine in neutral terms', () => {
    expect(machine).toMatchObject({
      id: '3f2c9d1e-6b7a-4c8d-9e0f-112233445566',
      name: 'files',
      firmware: 'uefi',
      cpus: 2,
      memoryBytes: 4 * 1024 ** 3,
      nics: [
        { macAddress: '52:54:00:ab:cd:ef', network: 'default', model: 'virtio' },
        { macAddress: '52:54:00:00:00:02', network: 'br0', model: 'e1000e' },
      ],
      native: { format: 'libvirt-xml', text: fixture('virt-install.xml') },
    })
  })

  it('names disks by their target, and takes the boot order of the domain for the first', () => {
    expect(machine.disks).toEqual([
      { id: 'vda', file: '/var/lib/libvirt/images/files.qcow2', imageFormat: 'qcow2', bus: 'virtio', bootOrder: 2 },
      {
        id: 'sdb',
        file: '/srv/a&b "data".img',
        imageFormat: 'raw',
        bus: 'scsi',
        controller: { name: 'scsi0', model: 'virtio-scsi' },
        slot: 3,
      },
    ])
  })

  it.each([
    ['cdrom sda', 'line 45'],
    ['virtual TPM', 'tpm (line 63)'],
    ['device of the host', 'hostdev (line 66)'],
    ['secure boot', 'loader (line 14)'],
    ['settings of the firmware', 'nvram (line 15)'],
    ['serial', 'serial (line 42)'],
    ['emulator, controller, graphics, video, memballoon', 'memballoon (line 75)'],
    ['@arch, @machine', '@machine="pc-q35-7.2"'],
  ])('notes %s', (what, where) => {
    expect(machine.notes.find((each) => each.what === what)?.where).toContain(where)
  })
})

describe('a running domain', () => {
  const machine = readLibvirt(fixture('running.xml'))

  it('gives the images in use, and the order of its disks', () => {
    expect(machine.disks).toEqual([
      {
        id: 'hda',
        file: '/var/lib/libvirt/images/store.snap1',
        imageFormat: 'qcow2',
        bus: 'ide',
        bootOrder: 2,
        controller: { name: 'ide0' },
        slot: 0,
      },
      {
        id: 'hdd',
        file: '/dev/vg0/store-data',
        imageFormat: 'raw',
        bus: 'ide',
        bootOrder: 1,
        controller: { name: 'ide0' },
        slot: 3,
      },
      { id: 'vda', imageFormat: 'raw', bus: 'virtio' },
      { id: 'sda', imageFormat: 'raw' },
    ])
    expect(machine.memoryBytes).toBe(1024 ** 3)
  })

  it.each([
    'base image (/var/lib/libvirt/images/store.qcow2) of disk hda',
    'image of disk hdd',
    'image on network (protocol="rbd" name="pool/image") of disk vda',
    'image on volume (pool="default" volume="v1") of disk sda',
    'encryption of disk sda',
    'bus usb of disk sda',
    '@type, @id, currentMemory, qemu:commandline',
  ])('notes %s', (what) => {
    expect(machine.notes.map((note) => note.what)).toContain(what)
  })
})

describe('the XML of a domain', () => {
  it.each([
    ["<memory unit='b'>1048576</memory>", 1024 ** 2],
    ['<memory>1024</memory>', 1024 ** 2],
    ["<memory unit='MB'>1</memory>", 1_000_000],
    ["<memory unit='G'>2</memory>", 2 * 1024 ** 3],
  ])('has %s', (text, memoryBytes) => {
    expect(readLibvirt(domain(text)).memoryBytes).toBe(memoryBytes)
  })

  it.each([
    ["<os firmware='efi'/>", 'uefi'],
    ["<os><loader type='pflash'>/x</loader></os>", 'uefi'],
    ['<os><loader>/usr/share/OVMF/OVMF.fd</loader></os>', 'uefi'],
    ['<os><loader>/usr/share/seabios/bios.bin</loader></os>', 'bios'],
    ["<os firmware='bios'/>", 'bios'],
    ['', 'bios'],
  ])('has the firmware of %s', (text, firmware) => {
    expect(readLibvirt(domain(text)).firmware).toBe(firmware)
  })

  it.each([
    ['vpc', 'vhd'],
    ['vhdx', 'vhdx'],
    ['vmdk', 'vmdk'],
  ])('has images of type %s', (type, imageFormat) => {
    const disk = `<driver type='${type}'/><source file='x'/><target dev='sda' bus='sata'/>`
    expect(readLibvirt(withDisk(disk)).disks[0]).toEqual({ id: 'sda', file: 'x', bus: 'sata', imageFormat })
  })

  it('notes an image format that nobody here knows', () => {
    const machine = readLibvirt(withDisk("<driver type='qed'/><source file='x'/><target dev='sda'/>"))
    expect(machine.notes.map(({ what }) => what)).toContain('image format qed of disk sda')
  })

  it('decodes UTF-16 by its mark', () => {
    const text = domain('<title>ü</title>').replace('<name>m', '<name>ü')
    const bytes = Uint8Array.from([0xff, 0xfe, ...Buffer.from(text, 'utf16le')])
    expect(readLibvirt(bytes).name).toBe('ü')
  })

  it.each([
    ['a disk without a target', withDisk("<source file='x'/>"), 'target dev'],
    [
      'two disks of one name',
      domain("<devices><disk><target dev='a'/></disk><disk><target dev='a'/></disk></devices>"),
      'same name',
    ],
    ['a memory that is no number', domain('<memory>lots</memory>'), 'size with a unit'],
    ['a memory of no unit', domain("<memory unit='pages'>1</memory>"), 'size with a unit'],
    ['no CPU', domain('<vcpu>0</vcpu>'), 'whole number from 1'],
    ['a boot order of zero', withDisk("<target dev='a'/><boot order='0'/>"), 'whole number from 1'],
    ['another root', '<network/>', 'not a domain'],
  ])('is refused with %s', (_what, text, problem) => {
    const error = refusal(() => readLibvirt(text))
    expect(error.code).toBe('E_SOURCE_INVALID')
    expect(error.message).toContain(problem)
  })

  it('names line and element of what is wrong', () => {
    const error = refusal(() => readLibvirt(domain('\n\n<vcpu>x</vcpu>')))
    expect(error.context).toMatchObject({ line: 3, element: 'vcpu' })
  })
})
