import type { Machine } from '@holdfast/core'
import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import {
  type DescribedMachine,
  type PlacedDisk,
  parseManifest,
  readLibvirt,
  readOva,
  readOvf,
  readVmx,
  type WrittenDescription,
  writeHyperv,
  writeLibvirt,
  writeManifest,
  writeOvf,
  writeVmx,
} from '../src/index.js'
import { hostilePath, machineAndPlaces } from './support/arbitrary-machine.js'
import { memorySource, ovaOf, textBytes } from './support/memory-ova.js'
import { powershellSkeleton, powershellTexts } from './support/powershell.js'

// Names of thousands of characters shrink for minutes: the seed is enough to come back.
const runs = { numRuns: 400, seed: 20_261_123, endOnFailure: true }

vi.setConfig({ testTimeout: 120_000 })

const onlyMachine = (text: string) => {
  const { machines } = readOvf(text)
  if (machines[0] === undefined || machines.length > 1) throw new Error('not one machine')
  return machines[0]
}

interface Format {
  readonly name: string
  readonly write: (machine: Machine, places: readonly PlacedDisk[]) => WrittenDescription
  readonly read: (text: string) => DescribedMachine
  readonly memoryUnit: number
  readonly path: (file: string) => string
}

const formats: readonly Format[] = [
  { name: 'VMX', write: writeVmx, read: readVmx, memoryUnit: 4 * 1024 ** 2, path: (file) => file },
  { name: 'OVF', write: writeOvf, read: onlyMachine, memoryUnit: 1, path: (file) => file },
  { name: 'libvirt', write: writeLibvirt, read: readLibvirt, memoryUnit: 1024, path: (file) => `/${file}` },
]

describe.each(formats)('$name', ({ write, read, memoryUnit, path }) => {
  it('says of any machine what is so, or reports what is not', () => {
    fc.assert(
      fc.property(machineAndPlaces('vmdk', path), ([machine, places]) => {
        const { text, report } = write(machine, places)
        const again = read(text)
        const isReported = (what: string) => report.some((mapping) => mapping.what === what)
        const holds = (what: string, isSame: boolean) =>
          expect([what, isSame || isReported(what)]).toEqual([what, true])

        holds('name', again.name === machine.name)
        holds('firmware', again.firmware === machine.firmware)
        holds('CPUs', again.cpus === machine.cpus)
        holds('memory', again.memoryBytes === machine.memoryBytes)
        if (machine.memoryBytes !== undefined) {
          expect(again.memoryBytes).toBe(Math.ceil(machine.memoryBytes / memoryUnit) * memoryUnit)
        }
        expect(again.disks.map(({ file }) => file).toSorted()).toEqual(places.map(({ file }) => file).toSorted())
        for (const [index, spec] of machine.disks.entries()) {
          // Several disks may have one file: then one of them is on the bus.
          const buses = again.disks.filter(({ file }) => file === places[index]?.file).map(({ bus }) => bus)
          holds(`bus of disk ${spec.id}`, spec.bus !== undefined && buses.includes(spec.bus))
        }
        expect(again.nics).toHaveLength(machine.nics?.length ?? 0)
        for (const [index, nic] of (machine.nics ?? []).entries()) {
          const what = `network card ${index}`
          holds(`MAC address of ${what}`, again.nics?.[index]?.macAddress === nic.macAddress)
          holds(`network of ${what}`, again.nics?.[index]?.network === nic.network)
          holds(`model of ${what}`, again.nics?.[index]?.model?.toLowerCase() === nic.model?.toLowerCase())
        }
        expect(report.every(({ why }) => why !== '')).toBe(true)
      }),
      runs,
    )
  })

  it('keeps the order in which disks boot', () => {
    fc.assert(
      fc.property(
        machineAndPlaces('vmdk', (file) => path(file)),
        ([machine, places]) => {
          const numbered = places.map((place, index) => ({ ...place, file: path(`${index}.vmdk`) }))
          const again = read(write(machine, numbered).text)
          const order = (
            disks: readonly { readonly bootOrder?: number }[],
            fileOf: (index: number) => string | undefined,
          ) =>
            disks
              .map(({ bootOrder }, index) => ({ bootOrder, file: fileOf(index) }))
              .filter(({ bootOrder }) => bootOrder !== undefined)
              .toSorted((a, b) => (a.bootOrder ?? 0) - (b.bootOrder ?? 0))
              .map(({ file }) => file)
          const before = order(machine.disks, (index) => numbered[index]?.file)
          if (before.length === 0) return
          expect(order(again.disks, (index) => again.disks[index]?.file)).toEqual(before)
        },
      ),
      runs,
    )
  })

  it('is read by its own reader from what it wrote, again and again the same', () => {
    fc.assert(
      fc.property(machineAndPlaces('vmdk', path), ([machine, places]) => {
        const first = write(machine, places).text
        const read1 = read(first)
        const back = { ...read1, disks: read1.disks.map(({ file: _file, ...disk }) => ({ ...disk, sizeBytes: 1 })) }
        const filesOf = (described: DescribedMachine) =>
          described.disks.map(({ id, file }) => ({ id, file: file ?? '', imageFormat: 'vmdk' as const }))
        const read2 = read(write(back, filesOf(read1)).text)
        expect({ ...read2, native: 0, notes: 0, disks: 0, id: 0 }).toEqual({
          ...read1,
          native: 0,
          notes: 0,
          disks: 0,
          id: 0,
        })
        expect(read2.disks.map(({ file }) => file)).toEqual(read1.disks.map(({ file }) => file))
      }),
      { ...runs, numRuns: 200 },
    )
  })
})

it('a script for Hyper-V holds all texts of a machine as texts, and is otherwise the same', () => {
  fc.assert(
    fc.property(
      machineAndPlaces('vhdx', (file) => `${file}.vhdx`),
      ([machine, places]) => {
        const { text } = writeHyperv(machine, places)
        const harmless = {
          ...machine,
          name: 'name',
          nics: (machine.nics ?? []).map(({ macAddress, network }) => ({
            ...(macAddress !== undefined && { macAddress }),
            ...(network !== undefined && /[^\s]/.test(network) && { network: 'lan' }),
          })),
        }
        const plain = writeHyperv(
          harmless,
          places.map((place) => ({ ...place, file: 'disk.vhdx' })),
        )
        const skeleton = powershellSkeleton(text)
        expect(skeleton.replace(/-StaticMacAddress <text>/g, '')).toBe(
          powershellSkeleton(plain.text).replace(/-StaticMacAddress <text>/g, ''),
        )
        expect(powershellTexts(text)).toEqual(expect.arrayContaining(places.map(({ file }) => file)))
      },
    ),
    { ...runs, numRuns: 150 },
  )
})

it('a manifest is read back as it was written', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(
        hostilePath.map((name) => name.trim()).filter((name) => name !== ''),
        { maxLength: 8 },
      ),
      fc.constantFrom('sha1' as const, 'sha256' as const, 'sha512' as const),
      (files, algorithm) => {
        const length = { sha1: 40, sha256: 64, sha512: 128 }[algorithm]
        const entries = files.map((file, index) => ({
          file,
          algorithm,
          digest: (index % 16).toString(16).repeat(length),
        }))
        expect(parseManifest(writeManifest(entries))).toEqual(entries)
      },
    ),
    runs,
  )
})

it('an OVA gives back the files that were put into it', async () => {
  const fileName = hostilePath
    .map((name) => Array.from(name.replace(/[/\\]/g, '_')).slice(0, 80).join(''))
    .filter((name) => !/\.(ovf|mf|cert)$|^\.+$/i.test(name))
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.tuple(fileName, fc.uint8Array({ maxLength: 1500 })), {
        maxLength: 6,
        selector: ([name]) => name,
      }),
      async (files) => {
        const descriptor = writeOvf({ id: 'm' as never, name: 'm', disks: [] }, []).text
        const contents = [
          { name: 'm.ovf', bytes: textBytes(descriptor) },
          ...files.map(([name, bytes]) => ({ name, bytes })),
        ]
        const bytes = ovaOf(contents)
        const { members } = await readOva(memorySource(bytes))
        expect(members.map(({ name }) => name)).toEqual(contents.map(({ name }) => name))
        for (const [index, { offset, sizeBytes }] of members.entries()) {
          expect(bytes.slice(offset, offset + sizeBytes)).toEqual(contents[index]?.bytes)
        }
      },
    ),
    runs,
  )
})
