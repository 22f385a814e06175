import type { DiskId } from '@holdfast/core'
import { describe, expect, it } from 'vitest'
import { readVmx, type VmxWriteOptions, writeVmx } from '../src/index.js'
import { fixture } from './support/fixtures.js'
import { machineFrom, machineWith, placed, uuid } from './support/machines.js'
import { refusal } from './support/refusal.js'

const write = (machine = machineWith(['sata']), options?: VmxWriteOptions) =>
  writeVmx(machine, placed(machine, 'vmdk'), options)
const busesOf = (text: string) =>
  readVmx(text).disks.map(({ id, controller }) => `${id} ${controller?.model ?? ''}`.trim())

describe('a VMX that is written anew', () => {
  it('says what the machine is', () => {
    const { text } = write(machineWith(['sata'], { firmware: 'uefi', memoryBytes: 3 * 1024 ** 3 }))
    expect(text.startsWith('.encoding = "UTF-8"\nconfig.version = "8"\nvirtualHW.version = "13"\n')).toBe(true)
    expect(readVmx(text)).toMatchObject({
      id: uuid,
      name: 'web',
      firmware: 'uefi',
      cpus: 2,
      memoryBytes: 3 * 1024 ** 3,
    })
    expect(text).toContain('uuid.bios = "3f 2c 9d 1e 6b 7a 4c 8d-9e 0f 11 22 33 44 55 66"')
  })

  it('keeps the buses that VMware has, and takes SATA for the others, saying so', () => {
    const machine = machineWith(['ide', 'sata', 'nvme', 'scsi', 'virtio', 'xen', undefined])
    const { text, report } = write(machine)
    expect(busesOf(text)).toEqual(['ide0:0', 'nvme0:0', 'sata0:0', 'sata0:1', 'sata0:2', 'sata0:3', 'sata0:4'])
    const buses = report.filter(({ what }) => what.startsWith('bus of'))
    expect(buses.map(({ what, from, to }) => [what, from, to])).toEqual([
      ['bus of disk d3', 'scsi', 'sata'],
      ['bus of disk d4', 'virtio', 'sata'],
      ['bus of disk d5', 'xen', 'sata'],
      ['bus of disk d6', 'unknown', 'sata'],
    ])
    expect(buses[0]?.why).toContain('safe mode')
  })

  it.each([
    ['pvscsi', 'scsi0:0 pvscsi'],
    ['VirtualSCSI', 'scsi0:0 pvscsi'],
    ['lsilogicsas', 'scsi0:0 lsisas1068'],
    ['lsilogic', 'scsi0:0 lsilogic'],
    ['virtio-scsi', 'sata0:0'],
    ['toString', 'sata0:0'],
  ])('keeps SCSI whose controller is %s as %s', (controllerModel, expected) => {
    const machine = machineWith(['scsi'])
    const [place] = placed(machine, 'vmdk')
    if (place === undefined) throw new Error('no place')
    expect(busesOf(writeVmx(machine, [{ ...place, controllerModel }]).text)).toEqual([expected])
  })

  it.each(['pvscsi', 'lsilogic', 'lsisas1068'] as const)('puts all disks on %s when asked', (diskBus) => {
    const { text, report } = write(machineWith(Array.from({ length: 17 }, () => 'virtio' as const)), { diskBus })
    const names = readVmx(text).disks.map(({ id }) => String(id))
    // SCSI id 7 is the controller's own, so a controller takes 15.
    expect(names).not.toContain('scsi0:7')
    expect(names).toContain('scsi0:15')
    expect(names).toContain('scsi1:1')
    expect(new Set(readVmx(text).disks.map(({ controller }) => controller?.model))).toEqual(new Set([diskBus]))
    expect(report.some(({ why }) => why.includes('diskBus'))).toBe(true)
  })

  it('gives disks of different SCSI models controllers of their own', () => {
    const machine = machineWith(['scsi', 'scsi', 'scsi'])
    const models = ['pvscsi', 'lsilogic', 'pvscsi']
    const places = placed(machine, 'vmdk').map((place, index) => ({ ...place, controllerModel: models[index] ?? '' }))
    expect(busesOf(writeVmx(machine, places).text)).toEqual(['scsi0:0 pvscsi', 'scsi0:1 pvscsi', 'scsi1:0 lsilogic'])
  })

  it('moves the fifth IDE disk to SATA, and refuses more disks than there are places', () => {
    const five = write(machineWith(['ide', 'ide', 'ide', 'ide', 'ide']))
    expect(busesOf(five.text)).toEqual(['ide0:0', 'ide0:1', 'ide1:0', 'ide1:1', 'sata0:0'])
    expect(five.report.map(({ why }) => why)).toContain('IDE has four places.')
    expect(busesOf(write(machineWith(Array.from({ length: 120 }, () => 'sata' as const))).text)).toHaveLength(120)
    const error = refusal(() => write(machineWith(Array.from({ length: 121 }, () => 'sata' as const))))
    expect(error).toMatchObject({ code: 'E_PLACEMENT', context: { format: 'vmx' } })
    expect(error.message).toContain('120 disks on sata')
  })

  it('keeps the order in which disks boot', () => {
    const machine = machineWith(['sata', 'ide'])
    const [first, second] = machine.disks
    if (first === undefined || second === undefined) throw new Error('no disks')
    const { text } = write({
      ...machine,
      disks: [
        { ...first, bootOrder: 2 },
        { ...second, bootOrder: 1 },
      ],
    })
    expect(text).toContain('bios.hddOrder = "ide0:0,sata0:0"')
  })

  it('maps network cards and says which', () => {
    const nics = [
      { model: 'virtio', network: 'lan', macAddress: '52-54-00-AA-BB-CC' },
      { model: 'VmxNet3', network: 'nat' },
      { macAddress: 'none' },
    ]
    const { text, report } = write(machineWith(['sata'], { nics }), { networks: { lan: 'VM Network' } })
    expect(readVmx(text).nics).toEqual([
      { model: 'e1000e', network: 'VM Network', macAddress: '52:54:00:aa:bb:cc' },
      { model: 'vmxnet3', network: 'nat' },
      { model: 'e1000e', network: 'VM Network' },
    ])
    expect(text).toContain('ethernet0.checkMACAddress = "FALSE"')
    expect(report.map(({ what, from, to }) => [what, from, to])).toEqual([
      ['name of disk d0', 'd0', 'sata0:0'],
      ['model of network card 0', 'virtio', 'e1000e'],
      ['network of network card 0', 'lan', 'VM Network'],
      ['model of network card 2', 'unknown', 'e1000e'],
      ['MAC address of network card 2', 'none', 'generated'],
      ['network of network card 2', 'unknown', 'VM Network'],
      ['operating system of the guest', 'unknown', 'other-64'],
    ])
  })

  it('says what it had to assume', () => {
    const { id, name, disks } = machineWith(['sata'])
    const { report } = writeVmx({ id, name, disks }, placed(machineWith(['sata']), 'vmdk'), { guestOs: 'debian12-64' })
    expect(report.map(({ what, from }) => [what, from])).toEqual([
      ['firmware', 'unknown'],
      ['CPUs', 'unknown'],
      ['memory', 'unknown'],
      ['name of disk d0', 'd0'],
    ])
    const odd = write(machineWith(['sata'], { memoryBytes: 1_000_000_001 }))
    expect(readVmx(odd.text).memoryBytes).toBe(956 * 1024 ** 2)
    expect(odd.report.map(({ what }) => what)).toContain('memory')
  })

  it('leaves UUID and MAC addresses to VMware for a copy', () => {
    const { text } = write(machineWith(['sata'], { nics: [{ macAddress: '52:54:00:00:00:01' }] }), { identity: 'new' })
    expect(text).not.toContain('uuid.bios')
    expect(text).toContain('ethernet0.addressType = "generated"')
  })

  it('refuses images that VMware cannot attach', () => {
    const machine = machineWith(['sata'])
    const error = refusal(() => writeVmx(machine, placed(machine, 'qcow2')))
    expect(error).toMatchObject({ code: 'E_PLACEMENT' })
    expect(error.message).toContain('d0 is qcow2')
  })

  it('says that the native description of another format is left behind', () => {
    const { report } = write(machineFrom('virt-install.xml'))
    expect(report[0]).toMatchObject({ what: 'description', from: 'libvirt-xml', to: 'vmx' })
  })
})

describe('places and disks', () => {
  const machine = machineWith(['sata', 'sata'])
  const [first, second] = placed(machine, 'vmdk')
  if (first === undefined || second === undefined) throw new Error('no places')
  it.each([
    ['one too few', [first], 'no image for disk d1'],
    ['one too many', [first, second, { ...first, id: 'd9' as DiskId }], 'no disk d9'],
    ['one twice', [first, first, second], 'same disk'],
    ['an empty path', [first, { ...second, file: '' }], 'path of disk d1'],
    ['a line feed in a path', [first, { ...second, file: 'a\nb' }], 'path of disk d1'],
    ['half a surrogate in a path', [first, { ...second, file: '\ud800' }], 'path of disk d1'],
  ])('must be the same: %s', (_what, places, problem) => {
    const error = refusal(() => writeVmx(machine, places))
    expect(error).toMatchObject({ code: 'E_PLACEMENT' })
    expect(error.message).toContain(problem)
  })
})

describe('a VMX that came from VMware', () => {
  const machine = machineFrom('esxi.vmx')
  const lines = (text: string) => text.split('\n')

  it('keeps every line but those of its disks and of files that are not backed up', () => {
    const { text, report } = writeVmx(machine, placed(machine, 'vmdk'))
    const before = lines(fixture('esxi.vmx'))
    const after = new Set(lines(text))
    expect(before.filter((line) => !after.has(line))).toEqual([
      'scsi0:0.fileName = "web-01.vmdk"',
      expect.stringContaining('web-01_1.vmdk'),
      expect.stringContaining('sched.swap.derivedName'),
      expect.stringContaining('migrate.hostlog'),
    ])
    expect(lines(text).filter((line) => !before.includes(line))).toEqual([
      'scsi0:0.fileName = "disk0.vmdk"',
      'scsi0:1.fileName = "disk1.vmdk"',
    ])
    expect(report.map(({ what, to }) => [what, to])).toEqual([
      ['sched.swap.derivedName', 'removed'],
      ['migrate.hostlog', 'removed'],
    ])
  })

  it('takes name, CPUs, memory and firmware that differ', () => {
    const changed = { ...machine, name: 'copy "2"', cpus: 8, memoryBytes: 1024 ** 3, firmware: 'bios' as const }
    const { text } = writeVmx(changed, placed(machine, 'vmdk'))
    expect(readVmx(text)).toMatchObject({ name: 'copy "2"', cpus: 8, memoryBytes: 1024 ** 3, firmware: 'bios' })
    expect(text).toContain('displayName = "copy |222|22"')
    expect(text.match(/memsize/gi)).toHaveLength(1)
  })

  it('loses a disk that is not restored, and gains one that it did not know, at a free place', () => {
    const [first] = machine.disks
    if (first === undefined) throw new Error('no disk')
    const added = [
      { id: 'new' as DiskId, sizeBytes: 1, bus: 'sata' as const },
      { id: 'more' as DiskId, sizeBytes: 1, bus: 'scsi' as const },
    ]
    const other = { ...machine, disks: [first, ...added] }
    const { text, report } = writeVmx(other, placed(other, 'vmdk'))
    expect(text).not.toContain('scsi0:1.present')
    expect(text).toContain('sched.scsi0:0.shares')
    // sata0:0 is the CD drive.
    expect(readVmx(text).disks.map(({ id, file }) => [id, file])).toEqual([
      ['sata0:1', 'disk1.vmdk'],
      ['scsi0:0', 'disk0.vmdk'],
      ['scsi1:0', 'disk2.vmdk'],
    ])
    expect(text).toContain('scsi1.virtualDev = "pvscsi"')
    expect(report.map(({ what, to }) => [what, to])).toEqual(
      expect.arrayContaining([
        ['disk scsi0:1', 'removed'],
        ['disk new', 'attached'],
      ]),
    )
  })

  it('becomes a copy with another identity, on other networks', () => {
    const { text } = writeVmx(machine, placed(machine, 'vmdk'), { identity: 'new', networks: { 'VM Network': 'Lab' } })
    expect(text).not.toMatch(/uuid|generatedAddress|02:00:00:AA:BB:CC/)
    const { nics } = readVmx(text)
    expect(nics).toEqual([
      { network: 'Lab', model: 'vmxnet3' },
      { network: 'backup (vlan 20)', model: 'e1000e' },
    ])
    expect(text).toContain('ethernet1.addressType = "generated"')
  })

  it('is written anew when asked for another bus, or to ignore the native text', () => {
    expect(writeVmx(machine, placed(machine, 'vmdk'), { diskBus: 'nvme' }).text).not.toContain('vtpm')
    expect(writeVmx(machine, placed(machine, 'vmdk'), { native: 'ignore' }).text).not.toContain('vtpm')
  })

  it('becomes UTF-8, escaped bytes included, and keeps its line ends', () => {
    const latin = machineFrom('workstation.vmx')
    const text = `${latin.native?.text ?? ''}comment = "B|FCro"\r\n`
    const written = writeVmx({ ...latin, native: { format: 'vmx', text } }, placed(latin, 'vmdk')).text
    expect(written).toContain('.encoding = "UTF-8"\r\n')
    expect(written).toContain('comment = "Büro"\r\n')
    expect(written.split('\n').every((line) => line === '' || line.endsWith('\r'))).toBe(true)
    expect(readVmx(new TextEncoder().encode(written)).name).toBe('Büro Server')
  })

  it('is written anew, with a reason, when the native text cannot be read', () => {
    const { text, report } = writeVmx(
      { ...machine, native: { format: 'vmx', text: 'nonsense' } },
      placed(machine, 'vmdk'),
    )
    expect(readVmx(text).disks).toHaveLength(2)
    expect(report[0]).toMatchObject({ what: 'description', to: 'written anew' })
    expect(report[0]?.why).toContain('nonsense')
  })
})
