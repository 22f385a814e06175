import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { seededImage, writeImageFile } from '@holdfast/testkit/images'

// Two machines as a hypervisor would leave them in a folder: sparse raw images, the same bytes on every run.
const mebibyte = 2 ** 20
const disks = [
  { machine: 'web', disk: 'root', image: seededImage(32 * mebibyte, 1, { usedPercent: 40 }) },
  { machine: 'db', disk: 'root', image: seededImage(32 * mebibyte, 1, { usedPercent: 40 }) },
  { machine: 'db', disk: 'data', image: seededImage(16 * mebibyte, 2, { usedPercent: 70 }) },
]

for (const { machine, disk, image } of disks) {
  const folder = join(import.meta.dirname, 'machines', machine)
  await mkdir(folder, { recursive: true })
  await writeImageFile(join(folder, `${disk}.raw`), image)
  console.log(`machines/${machine}/${disk}.raw: ${image.sizeBytes / mebibyte} MiB`)
}
