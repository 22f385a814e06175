import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { seededImage, writeImageFile } from '@holdfast/testkit/images'

/** Writes a machine with one sparse disk below `folder` and returns the disk's path. */
export async function makeMachine(folder: string): Promise<string> {
  const image = seededImage(16 * 2 ** 20, 6, { usedPercent: 50 })
  const machine = join(folder, 'machines', 'web')
  await mkdir(machine, { recursive: true })
  const disk = join(machine, 'root.raw')
  await writeImageFile(disk, image)
  return disk
}
