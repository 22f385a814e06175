import type { DiskId, DiskSpec, Machine } from '@holdfast/core'
import { describe, expect, it } from 'vitest'
import { type QemuOptions, qemuArguments, writeQemu } from '../src/qemu/index.js'
import { machineWith, placed } from './support/machines.js'

const argumentsOf = (machine: Machine, options?: QemuOptions) =>
  qemuArguments(machine, placed(machine, 'qcow2'), options)
const devicesOf = (machine: Machine) => {
  const { args } = argumentsOf(machine)
  return args.filter((_, i) => args[i - 1] === '-device')
}
const optionOf = ({ args }: { readonly args: readonly string[] }, option: string) => args[args.indexOf(option) + 1]

describe('a machine as arguments of QEMU', () => {
  it.each([
    ['virtio', ['virtio-blk-pci,drive=drive0,bootindex=1']],
    ['ide', ['ide-hd,bus=ide.0,unit=0,drive=drive0,bootindex=1']],
    ['sata', ['ich9-ahci,id=sata0', 'ide-hd,bus=sata0.0,drive=drive0,bootindex=1']],
    ['nvme', ['ich9-ahci,id=sata0', 'ide-hd,bus=sata0.0,drive=drive0,bootindex=1']],
    ['xen', ['ich9-ahci,id=sata0', 'ide-hd,bus=sata0.0,drive=drive0,bootindex=1']],
    ['scsi', ['ich9-ahci,id=sata0', 'ide-hd,bus=sata0.0,drive=drive0,bootindex=1']],
  ] as const)('has a disk on %s where QEMU has that bus for it, and else on SATA', (bus, devices) => {
    expect(devicesOf(machineWith([bus]))).toEqual(devices)
  })

  it('has SCSI disks of libvirt on virtio-scsi', () => {
    const machine = machineWith(['scsi', 'scsi'], { native: { format: 'libvirt-xml', text: '<domain/>' } })
    expect(devicesOf(machine)).toEqual([
      'virtio-scsi-pci,id=scsi0',
      'scsi-hd,bus=scsi0.0,scsi-id=0,drive=drive0,bootindex=1',
      'scsi-hd,bus=scsi0.0,scsi-id=1,drive=drive1,bootindex=2',
    ])
  })

  it('has as many SATA controllers as the disks need', () => {
    const devices = devicesOf(machineWith(Array.from({ length: 7 }, () => 'sata' as const)))
    expect(devices.slice(0, 2)).toEqual(['ich9-ahci,id=sata0', 'ich9-ahci,id=sata1'])
    expect(devices.slice(-2)).toEqual([
      'ide-hd,bus=sata0.5,drive=drive5,bootindex=6',
      'ide-hd,bus=sata1.0,drive=drive6,bootindex=7',
    ])
  })

  it('is of the old machine type when a disk is on IDE, whose fifth goes to SATA', () => {
    const machine = machineWith(['ide', 'ide', 'ide', 'ide', 'ide'])
    expect(optionOf(argumentsOf(machine), '-machine')).toBe('pc,accel=kvm:tcg')
    expect(devicesOf(machine).at(-1)).toContain('bus=sata0.0')
    expect(argumentsOf(machine).report).toContainEqual(
      expect.objectContaining({ what: 'bus of disk d4', from: 'ide', to: 'sata' }),
    )
    expect(optionOf(argumentsOf(machineWith(['virtio'])), '-machine')).toBe('q35,accel=kvm:tcg')
  })

  it('boots in the order that the machine says, each place given once', () => {
    const order = (...orders: readonly (number | undefined)[]) => {
      const { disks, ...machine } = machineWith(orders.map(() => 'virtio' as const))
      const ordered = disks.map((disk, i): DiskSpec => {
        const bootOrder = orders[i]
        return bootOrder === undefined ? disk : { ...disk, bootOrder }
      })
      return devicesOf({ ...machine, disks: ordered }).map((device) => /bootindex=(\d+)/.exec(device)?.[1])
    }
    expect(order(2, 1)).toEqual(['2', '1'])
    expect(order(undefined, 2)).toEqual(['2', '1'])
    expect(order(undefined, undefined, 7)).toEqual(['2', '3', '1'])
    expect(order(1, 1, 0)).toEqual(['2', '3', '1'])
  })

  it('keeps what would end a value in its value', () => {
    const machine = machineWith(['virtio'], { name: 'a,debug-threads=on' })
    const places = [{ id: 'd0' as DiskId, file: '/srv/a,readonly=on,b.qcow2', imageFormat: 'qcow2' as const }]
    const { args } = qemuArguments(machine, places)
    expect(optionOf({ args }, '-name')).toBe('guest=a,,debug-threads=on')
    expect(optionOf({ args }, '-drive')).toContain('file=/srv/a,,readonly=on,,b.qcow2')
  })

  it('has a name without control characters, and says so', () => {
    const { args, report } = argumentsOf(machineWith([], { name: 'a\0b\nc' }))
    expect(optionOf({ args }, '-name')).toBe('guest=a\ufffdb\ufffdc')
    expect(report).toContainEqual(expect.objectContaining({ what: 'name' }))
  })

  it('has memory, processors and firmware, and says which of them nobody knows', () => {
    const made = argumentsOf(machineWith([], { firmware: 'uefi', cpus: 3, memoryBytes: 2 ** 30 + 1 }), {
      accelerator: 'tcg',
      uefiFirmware: '/fw/OVMF.fd',
    })
    expect(['-machine', '-m', '-smp', '-bios'].map((option) => optionOf(made, option))).toEqual([
      'q35,accel=tcg',
      '1025',
      '3',
      '/fw/OVMF.fd',
    ])
    expect(made.report.map(({ what }) => what)).toEqual(['memory'])
    const { id, name } = machineWith([])
    const bare = argumentsOf({ id, name, disks: [] })
    expect(bare.args).not.toContain('-bios')
    expect(bare.report.map(({ what }) => what).sort()).toEqual(['CPUs', 'firmware', 'memory'])
  })

  it('drops what the guest writes when that is wanted, and only then', () => {
    const machine = machineWith(['virtio', 'sata'])
    const drives = ({ args }: { readonly args: readonly string[] }) => args.filter((_, i) => args[i - 1] === '-drive')
    expect(drives(argumentsOf(machine)).join()).not.toContain('snapshot')
    expect(drives(argumentsOf(machine, { discardsWrites: true }))).toEqual([
      'if=none,id=drive0,format=qcow2,file=disk0.qcow2,snapshot=on',
      'if=none,id=drive1,format=qcow2,file=disk1.qcow2,snapshot=on',
    ])
  })

  it.each([
    ['vhd', 'vpc'],
    ['vhdx', 'vhdx'],
    ['raw', 'raw'],
  ] as const)('has %s images by the name %s that QEMU has for them', (format, driver) => {
    const machine = machineWith(['virtio'])
    expect(optionOf(qemuArguments(machine, placed(machine, format)), '-drive')).toContain(`format=${driver},`)
  })

  it('is refused when images and disks do not match', () => {
    const machine = machineWith(['virtio'])
    expect(() => qemuArguments(machine, [])).toThrow(expect.objectContaining({ code: 'E_PLACEMENT' }))
    expect(() => writeQemu(machine, [])).toThrow(expect.objectContaining({ code: 'E_PLACEMENT' }))
  })
})
