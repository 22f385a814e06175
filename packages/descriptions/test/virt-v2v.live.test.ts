import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Machine } from '@holdfast/core'
import { run, skipsWithout, tempFolder } from 'holdfast-lab'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { writeOvf, writeVmx } from '../src/index.js'
import { machineFrom, machineWith } from './support/machines.js'
import { ovaOf, textBytes } from './support/memory-ova.js'

const networks = [{ model: 'e1000', network: 'VM Network', macAddress: '00:50:56:00:00:01' }]
const machines: readonly Machine[] = [
  machineWith(['sata', 'sata'], { name: 'bios & sata', nics: networks }),
  machineWith(['ide'], { name: 'ide', firmware: 'uefi', cpus: 4, memoryBytes: 3 * 1024 ** 3 }),
  machineFrom('ovftool.ovf'),
  { ...machineFrom('esxi.vmx'), name: 'web-01' },
]

// virt-v2v looks at each image, so there is a small one for every disk.
describe.skipIf(skipsWithout('virt-v2v', 'qemu-utils'))('what virt-v2v understands', () => {
  const { path: folder } = tempFolder(afterAll)
  const image = join(folder, 'image.vmdk')
  beforeAll(() => {
    run('qemu-img', 'create', '-q', '-f', 'vmdk', '-o', 'subformat=streamOptimized', image, '1M')
  })
  const places = (machine: Machine) =>
    machine.disks.map(({ id }, index) => ({ id, file: `disk${index}.vmdk`, imageFormat: 'vmdk' as const }))
  const source = (args: readonly string[]) => run('virt-v2v', ...args, '--print-source', '-o', 'null')

  it.each(machines)('of the OVA of $name', (machine) => {
    const descriptor = writeOvf(machine, places(machine)).text
    const disks = machine.disks.map((_, index) => ({ name: `disk${index}.vmdk`, bytes: readFileSync(image) }))
    const file = join(folder, 'machine.ova')
    writeFileSync(file, ovaOf([{ name: 'm.ovf', bytes: textBytes(descriptor) }, ...disks]))
    expectSource(source(['-i', 'ova', file]), machine)
  })

  it.each([
    ['pvscsi', machineWith(['virtio', 'virtio'], { name: 'scsi', nics: networks })],
    ['ide', machineWith(['ide', 'ide'], { name: 'ide' })],
    ['sata', machineWith(['virtio', 'virtio'], { name: 'sata' })],
    ['nvme', machineWith(['nvme'], { name: 'nvme', firmware: 'uefi' })],
    ['keep', { ...machineFrom('esxi.vmx'), name: 'web-01' }],
  ] as const)('of a VMX with its disks on %s', (diskBus, machine) => {
    for (const { file } of places(machine)) execFileSync('cp', [image, join(folder, file)])
    const file = join(folder, 'machine.vmx')
    writeFileSync(file, writeVmx(machine, places(machine), { diskBus }).text)
    expectSource(source(['-i', 'vmx', file]), machine)
  })
})

function expectSource(printed: string, machine: Machine): void {
  expect(printed).toContain(`source name: ${machine.name}\n`)
  expect(printed).toContain(`memory: ${machine.memoryBytes} (bytes)`)
  expect(printed).toContain(`nr vCPUs: ${machine.cpus}\n`)
  expect(printed).toContain(`firmware: ${machine.firmware}`)
  expect(printed.match(/^\s+\d+ \[/gm)).toHaveLength(machine.disks.length)
}
