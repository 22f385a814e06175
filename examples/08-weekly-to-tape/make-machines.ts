import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { seededImage, writeImageFile } from '@holdfast/testkit/images'

// Two machines as a hypervisor would leave them in a folder: sparse raw images, the same bytes on every run.
const mebibyte = 2 ** 20
const machines = [
  { name: 'web', image: seededImage(32 * mebibyte, 1, { usedPercent: 40 }) },
  { name: 'db', image: seededImage(16 * mebibyte, 2, { usedPercent: 70 }) },
]

for (const { name, image } of machines) {
  const folder = join(import.meta.dirname, 'machines', name)
  await mkdir(folder, { recursive: true })
  await writeImageFile(join(folder, 'root.raw'), image)
  console.log(`machines/${name}/root.raw: ${image.sizeBytes / mebibyte} MiB`)
}
