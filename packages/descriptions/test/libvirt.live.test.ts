import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { run, skipsWithout, tempFolder } from 'holdfast-lab'
import { afterAll, describe, expect, it } from 'vitest'
import { readLibvirt, readVmx, writeLibvirt, writeVmx } from '../src/index.js'
import { machineAndPlaces } from './support/arbitrary-machine.js'
import type { Fixture } from './support/fixtures.js'
import { fixture } from './support/fixtures.js'
import { libvirtDomain, libvirtDomainOfVmx } from './support/libvirt.js'
import { machineFrom, machineWith, placed } from './support/machines.js'

const fixtures: readonly Fixture[] = [
  'esxi.vmx',
  'workstation.vmx',
  'ovftool.ovf',
  'virtualbox.ovf',
  'virt-install.xml',
  'running.xml',
]
const samples = 25

/** What both readers must agree on. */
function essence(machine: ReturnType<typeof readLibvirt>) {
  return {
    name: machine.name,
    firmware: machine.firmware,
    cpus: machine.cpus,
    memoryBytes: machine.memoryBytes,
    disks: machine.disks.map(({ id, file, bus, bootOrder, imageFormat }) => ({
      id,
      file,
      bus,
      bootOrder,
      imageFormat,
    })),
    nics: machine.nics?.map(({ macAddress, network, model }) => ({ macAddress, network, model })),
  }
}

describe.skipIf(skipsWithout('libvirt-clients'))('the XML of domains, to libvirt', () => {
  const { path: folder } = tempFolder(afterAll)
  it.each(fixtures)('is valid by schema and parser when made of %s, and means the same', (name) => {
    const machine = machineFrom(name)
    const { text } = writeLibvirt(machine, placed(machine, 'qcow2', '/srv/images/'))
    const file = join(folder, `${name}.xml`)
    writeFileSync(file, text)
    run('virt-xml-validate', file, 'domain')
    const wanted = readLibvirt(text)
    const theirs = readLibvirt(libvirtDomain(file, wanted.name))
    expect(essence({ ...theirs, nics: [] })).toEqual(essence({ ...wanted, nics: [] }))
    expect(theirs.nics?.map(({ network }) => network)).toEqual(wanted.nics?.map(({ network }) => network))
  })

  it.each(['virtio', 'virtio-scsi', 'sata', 'ide'] as const)('is valid with all disks on %s', (diskBus) => {
    const machine = machineWith(['sata', 'sata', 'sata', 'sata'], { firmware: 'uefi', name: diskBus })
    const file = join(folder, `${diskBus}.xml`)
    writeFileSync(file, writeLibvirt(machine, placed(machine, 'raw', '/srv/'), { diskBus }).text)
    run('virt-xml-validate', file, 'domain')
    expect(readLibvirt(libvirtDomain(file, diskBus)).disks).toHaveLength(4)
  })

  it('is valid for any machine', () => {
    // libvirt refuses multicast addresses; what has no bus would not be told apart.
    const isUnicast = (mac = '') => !/^.[13579bdf]/i.test(mac)
    for (const [index, [machine, places]] of fc
      .sample(
        machineAndPlaces('qcow2', (path) => `/${path}`),
        { numRuns: samples, seed: 7 },
      )
      .entries()) {
      const nics = (machine.nics ?? []).filter(({ macAddress }) => isUnicast(macAddress))
      const { text } = writeLibvirt({ ...machine, nics }, places)
      const file = join(folder, `${index}.xml`)
      writeFileSync(file, text)
      run('virt-xml-validate', file, 'domain')
    }
  }, 120_000)

  it('is read as libvirt reads it', () => {
    for (const name of ['virt-install.xml', 'running.xml'] as const) {
      const file = join(folder, `own-${name}`)
      writeFileSync(file, fixture(name))
      const ours = readLibvirt(fixture(name))
      const theirs = readLibvirt(libvirtDomain(file, ours.name))
      expect(essence({ ...theirs, nics: [] })).toEqual(essence({ ...ours, nics: [] }))
    }
  })
})

describe.skipIf(skipsWithout('libvirt-clients'))('a VMX, to libvirt', () => {
  const { path: folder } = tempFolder(afterAll)
  const theirs = (name: string, text: string | Uint8Array) => {
    const file = join(folder, `${name}.vmx`)
    writeFileSync(file, text)
    return readLibvirt(libvirtDomainOfVmx(file, folder))
  }
  const compared = (machine: ReturnType<typeof readLibvirt>) => ({
    id: machine.id,
    name: machine.name,
    firmware: machine.firmware,
    cpus: machine.cpus,
    memoryBytes: machine.memoryBytes,
    disks: machine.disks
      // libvirt takes a physical CD drive for a LUN.
      .filter(({ file }) => file !== undefined)
      .map(({ file, bus }) => ({ file, bus }))
      .toSorted((a, b) => String(a.file).localeCompare(String(b.file))),
    nics: machine.nics?.map(({ macAddress }) => macAddress),
  })

  it.each(fixtures)('made of %s means the same', (name) => {
    const machine = machineFrom(name)
    const { text } = writeVmx(machine, placed(machine, 'vmdk'))
    expect(compared(theirs(name, text))).toMatchObject({
      ...compared(readVmx(text)),
      ...(machine.nics?.some(({ macAddress }) => !macAddress) && { nics: expect.anything() }),
    })
  })

  it('of ESXi is read as libvirt reads it', () => {
    expect(compared(readVmx(fixture('esxi.vmx')))).toEqual(compared(theirs('own', fixture('esxi.vmx'))))
  })

  it.each(['pvscsi', 'lsilogic', 'lsisas1068', 'sata', 'ide'] as const)(
    'with all disks on %s is understood',
    (diskBus) => {
      const machine = machineWith(['virtio', 'virtio'])
      const { disks } = theirs(diskBus, writeVmx(machine, placed(machine, 'vmdk'), { diskBus }).text)
      expect(disks.map(({ file }) => file)).toEqual(['disk0.vmdk', 'disk1.vmdk'])
      const model = {
        pvscsi: 'vmpvscsi',
        lsilogic: 'lsilogic',
        lsisas1068: 'lsisas1068',
        sata: undefined,
        ide: undefined,
      }[diskBus]
      expect(disks[0]?.controller?.model).toBe(model)
    },
  )
})
