import type { DiskId } from '@holdfast/core'
import { expect, it } from 'vitest'
import { descriptionFormat, neutralMachine, readDescription } from '../src/index.js'
import { type Fixture, fixtureBytes } from './support/fixtures.js'
import { refusal } from './support/refusal.js'

const formats: readonly (readonly [Fixture, string, number])[] = [
  ['esxi.vmx', 'vmx', 1],
  ['workstation.vmx', 'vmx', 1],
  ['ovftool.ovf', 'ovf', 1],
  ['virtualbox.ovf', 'ovf', 1],
  ['collection.ovf', 'ovf', 2],
  ['virt-install.xml', 'libvirt-xml', 1],
  ['running.xml', 'libvirt-xml', 1],
]

it.each(formats)('tells and reads %s', (name, format, count) => {
  expect(descriptionFormat(fixtureBytes(name))).toBe(format)
  const machines = readDescription(fixtureBytes(name))
  expect(machines).toHaveLength(count)
  expect(machines[0]?.native.format).toBe(format)
})

it('tells UTF-16', () => {
  expect(descriptionFormat(Buffer.from('\ufeff<domain/>', 'utf16le'))).toBe('libvirt-xml')
})

it.each(['', 'hello', '{"disks": []}', '<html></html>', '\0\0\0\0'])('refuses what is no description: %j', (text) => {
  expect(descriptionFormat(text)).toBeUndefined()
  expect(refusal(() => readDescription(text)).code).toBe('E_SOURCE_INVALID')
})

it('refuses text beyond the bound before it is parsed', () => {
  const text = `displayName = "m"\n${' '.repeat(8 * 1024 ** 2)}`
  expect(refusal(() => readDescription(text)).message).toContain('longer')
})

it('completes a machine with the sizes of its images', () => {
  const [described] = readDescription(fixtureBytes('ovftool.ovf'))
  if (described === undefined) throw new Error('no machine')
  const machine = neutralMachine(described, new Map([['vmdisk1' as DiskId, 123]]))
  expect(machine).not.toHaveProperty('notes')
  expect(machine.disks).toEqual([
    { id: 'vmdisk1', sizeBytes: 123, bus: 'scsi', bootOrder: 1 },
    { id: 'vmdisk2', sizeBytes: 100 * 1024 ** 3, bus: 'sata' },
  ])
  const [unsized] = readDescription(fixtureBytes('virt-install.xml'))
  expect(unsized && neutralMachine(unsized, new Map()).disks).toEqual([])
})
