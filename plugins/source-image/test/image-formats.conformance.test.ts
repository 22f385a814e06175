import { join } from 'node:path'
import type { MachineRef } from '@holdfast/core'
import { imageSource } from '@holdfast/source-image'
import { describeSource } from '@holdfast/testkit/vitest'
import { imageWriter } from './support/image-writer.js'
import { folderAndOpenFiles } from './support/open-files.js'

const childEndings = { qcow2: '.snap', vmdk: '.vmdk', vhd: '.avhd', vhdx: '.avhdx' } as const

for (const format of ['qcow2', 'vmdk', 'vhd', 'vhdx'] as const) {
  describeSource(`source-image with ${format}`, async ({ tempFolder }) => {
    const path = join(tempFolder, 'machines')
    const writer = imageWriter(path, format, childEndings[format])
    for (const name of ['web', 'db']) await writer.create(name, ['root', 'data'])
    return {
      create: () => imageSource({ path }),
      machines: ['web', 'db'].map((name) => ({ id: name, name }) as MachineRef),
      reference: async (machine, disk) => writer.bytes(machine, disk),
      mutate: (machine, disk) => writer.overwrite(machine, disk),
      change: (machine) => writer.snapshot(machine),
      inventory: () => folderAndOpenFiles(path),
    }
  })
}
