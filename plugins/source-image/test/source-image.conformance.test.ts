import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { MachineRef } from '@holdfast/core'
import { imageSource } from '@holdfast/source-image'
import { describeSource } from '@holdfast/testkit/vitest'
import { machineWriter } from './support/machine-writer.js'
import { folderAndOpenFiles } from './support/open-files.js'

describeSource('source-image', async ({ tempFolder }) => {
  const path = join(tempFolder, 'machines')
  const writer = machineWriter(path)
  for (const name of ['web', 'db']) await writer.create(name, ['root', 'data'])
  return {
    create: () => imageSource({ path }),
    machines: ['web', 'db'].map((name) => ({ id: name, name }) as MachineRef),
    reference: (machine, disk) => readFile(join(path, machine, `${disk}.raw`)),
    mutate: (machine, disk) => writer.write(machine, disk),
    change: (machine) => writer.record(machine),
    inventory: () => folderAndOpenFiles(path),
  }
})
