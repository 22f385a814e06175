import { isBackupError } from '@holdfast/core'
import { describe, expect, it } from 'vitest'
import {
  type DescribedMachine,
  listOva,
  neutralMachine,
  parseManifest,
  readDescription,
  readLibvirt,
  readOva,
  readOvf,
  readVmx,
  writeHyperv,
  writeLibvirt,
  writeOvf,
  writeVmx,
} from '../src/index.js'
import { type Fixture, fixture } from './support/fixtures.js'
import { memorySource, ovaOf, textBytes } from './support/memory-ova.js'
import { mutated, seededNumbers } from './support/mutations.js'
import { powershellTokens } from './support/powershell.js'

const count = 20_000
const slowestMs = 5000

/** Runs a call that may refuse, and nothing else. */
function outcomeOf<T>(call: () => T): T | undefined {
  try {
    return call()
  } catch (error) {
    if (isBackupError(error) && ['E_SOURCE_INVALID', 'E_PLACEMENT'].includes(error.code)) {
      expect(error.hint).toBeTruthy()
      expect(error.message.length).toBeLessThan(1500)
      return undefined
    }
    throw error
  }
}

function checkMachine(machine: DescribedMachine): void {
  expect(machine.id).toMatch(/^[^/\\\p{Cc}]{1,255}$/u)
  expect(machine.notes.length).toBeLessThanOrEqual(500)
  expect(machine.cpus === undefined || (Number.isSafeInteger(machine.cpus) && machine.cpus > 0)).toBe(true)
  expect(
    machine.memoryBytes === undefined || (Number.isSafeInteger(machine.memoryBytes) && machine.memoryBytes > 0),
  ).toBe(true)
  expect(new Set(machine.disks.map(({ id }) => id)).size).toBe(machine.disks.length)
  for (const { id, sizeBytes } of machine.disks) {
    expect(id).toMatch(/^[^/\\\p{Cc}]{1,255}$/u)
    expect(sizeBytes === undefined || (Number.isSafeInteger(sizeBytes) && sizeBytes > 0)).toBe(true)
  }
}

/** Whatever was read, every writer writes it, or refuses it. */
function checkWriters(described: DescribedMachine): void {
  const machine = neutralMachine(described, new Map(described.disks.map(({ id }) => [id, 1])))
  const places = (imageFormat: 'vmdk' | 'qcow2' | 'vhdx') =>
    machine.disks.map(({ id }, index) => ({ id, file: `/d/${index}.${imageFormat}`, imageFormat }))
  const vmx = outcomeOf(() => writeVmx(machine, places('vmdk')))
  if (vmx !== undefined) expect(readVmx(vmx.text).disks).toHaveLength(machine.disks.length)
  const xml = outcomeOf(() => writeLibvirt(machine, places('qcow2')))
  if (xml !== undefined) expect(readLibvirt(xml.text).disks).toHaveLength(machine.disks.length)
  const ovf = outcomeOf(() => writeOvf(machine, places('vmdk')))
  if (ovf !== undefined) expect(readOvf(ovf.text).machines).toHaveLength(1)
  const script = outcomeOf(() => writeHyperv(machine, places('vhdx')))
  if (script !== undefined) expect(powershellTokens(script.text).length).toBeGreaterThan(0)
}

describe('mutated descriptions', () => {
  const formats: readonly (readonly [string, readonly Fixture[], number])[] = [
    ['VMX', ['esxi.vmx', 'workstation.vmx'], 0.2],
    ['OVF', ['collection.ovf', 'virtualbox.ovf', 'ovftool.ovf'], 0.1],
    ['libvirt', ['virt-install.xml', 'running.xml'], 0.1],
  ]
  it.each(formats)(
    `of %s give a machine or a BackupError, ${count} times`,
    (name, fixtures, leastRead) => {
      const random = seededNumbers(name.length * 1000 + 7)
      const texts = fixtures.map(fixture)
      let read = 0
      let slowest = 0
      for (let round = 0; round < count; round++) {
        const pick = () => texts[random(texts.length)] ?? ''
        const text = mutated(pick(), random, pick())
        const startedAt = performance.now()
        const machines = outcomeOf(() => readDescription(text))
        slowest = Math.max(slowest, performance.now() - startedAt)
        for (const machine of machines ?? []) {
          checkMachine(machine)
          expect(machine.native.text).toBe(text.startsWith('\ufeff') ? text.slice(1) : text)
          if (round % 10 === 0) checkWriters(machine)
        }
        if (machines !== undefined) read += 1
      }
      expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
      expect(slowest).toBeLessThan(slowestMs)
      // Mutants that are all refused at the door would prove nothing about the rooms behind it.
      expect(read / count).toBeGreaterThan(leastRead)
    },
    300_000,
  )

  it(`of manifests give entries or a BackupError, ${count} times`, () => {
    const random = seededNumbers(99)
    const text = `SHA256(a.ovf)= ${'a'.repeat(64)}\nSHA1(b (1).vmdk)= ${'b'.repeat(40)}\n`
    let read = 0
    for (let round = 0; round < count; round++)
      if (outcomeOf(() => parseManifest(mutated(text, random, text))) !== undefined) read += 1
    expect(read).toBeGreaterThan(count / 100)
  })

  it(`in mutated OVAs give members or a BackupError, ${count} times`, async () => {
    const random = seededNumbers(5)
    const good = ovaOf([
      { name: 'a.ovf', bytes: textBytes(fixture('collection.ovf')) },
      { name: 'a.mf', bytes: textBytes('') },
      { name: `${'ü'.repeat(60)}.vmdk`, bytes: new Uint8Array(700) },
    ])
    // Headers are where it hurts: the checksum of a mutated one is made right again.
    const headers = Array.from({ length: good.length / 512 }, (_, index) => index * 512).filter(
      (at) => good[at + 257] === 0x75,
    )
    let read = 0
    for (let round = 0; round < count; round++) {
      const bytes = good.slice(0, random(8) === 0 ? random(good.length) : good.length)
      for (let times = 1 + random(4); times > 0; times--) {
        const at = (headers[random(headers.length)] ?? 0) + random(512)
        if (at < bytes.length) bytes[at] = random(3) === 0 ? 0x30 + random(10) : random(256)
      }
      if (random(2) === 0) for (const at of headers) repairChecksum(bytes, at)
      const members = await listOva(memorySource(bytes)).catch((error: unknown) =>
        outcomeOf(() => {
          throw error
        }),
      )
      if (members === undefined) continue
      read += 1
      for (const { offset, sizeBytes } of members) expect(offset + sizeBytes).toBeLessThanOrEqual(bytes.length)
      if (round % 20 === 0)
        await readOva(memorySource(bytes)).catch((error: unknown) =>
          outcomeOf(() => {
            throw error
          }),
        )
    }
    expect(read / count).toBeGreaterThan(0.1)
  }, 300_000)
})

function repairChecksum(bytes: Uint8Array, at: number): void {
  if (at + 512 > bytes.length) return
  const block = bytes.subarray(at, at + 512)
  block.fill(0x20, 148, 156)
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.set(textBytes(`${sum.toString(8).padStart(6, '0')}\0 `), 148)
}

const megabytes = 7 * 1024 ** 2
const fill = (unit: string, length = megabytes) => unit.repeat(Math.floor(length / unit.length))
const domain = (inside: string) => `<domain><name>m</name>${inside}</domain>`

describe('texts that are made to take long', () => {
  const texts: readonly (readonly [string, string])[] = [
    ['a line of white space', `displayName = "m"\nx = ${fill(' ')}"`],
    ['a key of megabytes', `displayName = "m"\n${fill('k')} = "v"`],
    ['bars', `displayName = "${fill('|22')}"`],
    ['bars that are none', `displayName = "${fill('|2')}"`],
    [
      'very many keys',
      `displayName = "m"\n${Array.from({ length: 250_000 }, (_, index) => `a${index} = "1"`).join('\n')}`,
    ],
    [
      'very many disks',
      `displayName = "m"\n${Array.from({ length: 5000 }, (_, index) => `scsi${index % 999}:${index % 15}.present = "TRUE"`).join('\n')}`,
    ],
    ['very many repeated keys', `displayName = "m"\n${fill('a = "1"\n')}`],
    ['equals signs', `displayName = "m"\n${fill('=')}`],
    ['open tags', `<domain>${fill('<a>')}`],
    ['less-than signs', `<domain>${fill('<')}`],
    ['quotes that do not end', `<domain ${fill('x="')}`],
    ['comments', domain(fill('<!-- -->'))],
    ['comments that do not end', domain(fill('<!--'))],
    ['CDATA that does not end', domain(fill('<![CDATA['))],
    ['instructions that do not end', domain(fill('<?x '))],
    ['ampersands', domain(fill('&'))],
    ['references', domain(`<title>${fill('&amp;')}</title>`)],
    ['white space in a tag', `<domain${fill(' ')}><name>m</name></domain>`],
    ['line ends', domain(fill('\r\n'))],
    [
      'very many attributes',
      `<domain ${Array.from({ length: 45_000 }, (_, index) => `a${index}="1"`).join(' ')}><name>m</name></domain>`,
    ],
    ['very many elements', domain(`<devices>${'<x a="1"/>'.repeat(45_000)}</devices>`)],
    [
      'very many disks of a domain',
      domain(
        `<devices>${Array.from({ length: 20_000 }, (_, index) => `<disk><target dev="v${index}"/></disk>`).join('')}</devices>`,
      ),
    ],
    [
      'very many machines',
      `<Envelope>${Array.from({ length: 45_000 }, (_, index) => `<VirtualSystem ovf:id="${index}"/>`).join('')}</Envelope>`,
    ],
    [
      'very many disks that nobody has',
      `<Envelope><DiskSection>${Array.from({ length: 9_000 }, (_, index) => `<Disk ovf:diskId="${index}"/>`).join('')}</DiskSection><VirtualSystem/></Envelope>`,
    ],
    [
      'machines and disks that nobody has',
      `<Envelope><DiskSection>${Array.from({ length: 9_000 }, (_, index) => `<Disk ovf:diskId="${index}"/>`).join('')}</DiskSection>${'<VirtualSystem/>'.repeat(1000)}</Envelope>`,
    ],
  ]
  it.each(texts)(
    'are read or refused in time: %s',
    (_what, text) => {
      const startedAt = performance.now()
      const machines = outcomeOf(() => readDescription(text))
      for (const machine of machines ?? []) expect(machine.notes.length).toBeLessThanOrEqual(500)
      expect(performance.now() - startedAt).toBeLessThan(30_000)
    },
    60_000,
  )
})
