import { readFile, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { MachineRef } from '@holdfast/core'
import { imageSource } from '@holdfast/source-image'
import { seededBytes } from '@holdfast/testkit/images'
import type { DescribedSource, Setup } from '@holdfast/testkit/vitest'
import { contentOfFile, ovf, vmx, writeOva } from './descriptions.js'
import { imageWriter } from './image-writer.js'
import { writeImage } from './images.js'
import { folderAndOpenFiles } from './open-files.js'

/** Two machines that VMX files describe. */
export const vmxMachines: Setup<DescribedSource> = async ({ tempFolder }) => {
  const path = join(tempFolder, 'machines')
  const writer = imageWriter(path, 'vmdk', '.vmdk')
  const idOf: Readonly<Record<string, string>> = { 'scsi0:0': 'root', 'sata0:1': 'data' }
  const describe = (machine: string) => {
    const attached = Object.entries(idOf).map(([at, id]) => [at, basename(writer.top(machine, id))])
    return writeFile(join(path, machine, `${machine}.vmx`), vmx(machine, Object.fromEntries(attached)))
  }
  for (const name of ['web', 'db']) {
    await writer.create(name, ['root', 'data'])
    await describe(name)
  }
  return {
    create: () => imageSource({ path }),
    machines: ['web', 'db'].map((name) => ({ id: name, name }) as MachineRef),
    reference: async (machine, disk) => writer.bytes(machine, idOf[disk] ?? ''),
    mutate: (machine, disk) => writer.overwrite(machine, idOf[disk] ?? ''),
    change: async (machine) => {
      await writer.snapshot(machine)
      await describe(machine)
    },
    inventory: () => folderAndOpenFiles(path),
    removeRestored: (name) => rm(join(path, name), { recursive: true }),
  }
}

/**
 * Two machines that are OVAs.
 *
 * One disk each: a write to one would show as a change of all that are in the same file.
 */
export const ovaMachines: Setup<DescribedSource> = async ({ tempFolder }) => {
  const path = join(tempFolder, 'machines')
  const sizeBytes = 3 * 2 ** 20
  const marked = 2 ** 20
  const bytes = new Map<string, Uint8Array>()
  for (const name of ['web', 'db']) {
    const content = new Uint8Array(sizeBytes).fill(7, 70_000, 90_000)
    content.set(seededBytes(5000, name.length), marked)
    const image = { format: 'qcow2', sizeBytes, pieces: [[0, content]] } as const
    const file = await writeImage(join(path, `${name}.qcow2`), image)
    writeOva(join(path, `${name}.ova`), {
      'any.ovf': ovf([{ name, disks: ['disk'] }], { disk: 'disk.qcow2' }, { format: 'qcow2' }),
      'disk.qcow2': contentOfFile(file),
    })
    await rm(file)
    bytes.set(name, content)
  }
  const contentOf = (machine: string) => bytes.get(machine) ?? new Uint8Array()
  return {
    create: () => imageSource({ path }),
    machines: ['web', 'db'].map((name) => ({ id: name, name }) as MachineRef),
    reference: async (machine) => contentOf(machine).slice(),
    mutate: async (machine) => {
      const ova = join(path, `${machine}.ova`)
      const archive = await readFile(ova)
      const at = archive.indexOf(contentOf(machine).subarray(marked, marked + 512))
      const sector = seededBytes(512, at)
      archive.set(sector, at)
      contentOf(machine).set(sector, marked)
      await writeFile(ova, archive)
    },
    inventory: () => folderAndOpenFiles(path),
    removeRestored: (name) => rm(join(path, name), { recursive: true }),
  }
}
