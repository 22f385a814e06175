import { mkdir, open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { seededBytes, seededImage, writeImageFile } from '@holdfast/testkit/images'

const sizeBytes = 3 * 2 ** 20 + 512
const writtenBytes = 5000

/** Plays the programs that own a folder of machines: they write images, and may record what they wrote. */
export function machineWriter(root: string) {
  const disks = new Map<string, readonly string[]>()
  const tokens = new Map<string, string>()
  let serial = 0

  const describe = (machine: string, fields: (disk: string) => object) => {
    const described = (disks.get(machine) ?? []).map((id) => ({ id, file: `${id}.raw`, ...fields(id) }))
    return writeFile(join(root, machine, 'machine.json'), JSON.stringify({ disks: described }))
  }

  /** Writes somewhere on a disk; returns where. */
  const write = async (machine: string, disk: string): Promise<readonly [offset: number, length: number]> => {
    serial += 1
    const offset = (serial * 777_777) % (sizeBytes - writtenBytes)
    const file = await open(join(root, machine, `${disk}.raw`), 'r+')
    try {
      await file.write(seededBytes(writtenBytes, serial), 0, writtenBytes, offset)
    } finally {
      await file.close()
    }
    return [offset, writtenBytes]
  }

  return {
    create: async (machine: string, ids: readonly string[]) => {
      disks.set(machine, ids)
      await mkdir(join(root, machine), { recursive: true })
      for (const [index, id] of ids.entries()) {
        await writeImageFile(join(root, machine, `${id}.raw`), seededImage(sizeBytes, index + machine.length))
      }
      tokens.set(machine, 'generation-0')
      await describe(machine, () => ({ changeToken: 'generation-0' }))
    },
    write: async (machine: string, disk: string) => void (await write(machine, disk)),
    record: async (machine: string) => {
      const since = tokens.get(machine)
      const changes = new Map<string, readonly (readonly [number, number])[]>()
      for (const disk of disks.get(machine) ?? [])
        changes.set(disk, [await write(machine, disk), await write(machine, disk)])
      const changeToken = `generation-${serial}`
      tokens.set(machine, changeToken)
      await describe(machine, (disk) => ({
        changeToken,
        changes: { since, extents: changes.get(disk) },
      }))
    },
  }
}
