import { mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { run, skipsWithout, tempFolder } from 'holdfast-lab'
import { describe } from 'vitest'
import { openFat } from '../src/fat/fat.js'
import { describeHostile } from './support/hostile.js'
import { patterned } from './support/sample-tree.js'

const kinds = { FAT12: 2 ** 20, FAT16: 4 * 2 ** 20, FAT32: 34 * 2 ** 20 }

function imageOf(kind: string, sizeBytes: number): Uint8Array {
  using folder = tempFolder()
  const at = (name: string) => folder.at(`tree/${name}`)
  mkdirSync(at('folder/inner/empty'), { recursive: true })
  writeFileSync(at('folder/inner/file'), patterned(2000, 1))
  writeFileSync(at('tiny'), patterned(20, 2))
  for (let i = 0; i < 20; i++) writeFileSync(at(`folder/an entry with a long name ${i}`), '')
  const image = folder.at('image')
  writeFileSync(image, '')
  truncateSync(image, sizeBytes)
  run('mkfs.vfat', '-F', kind.slice(3), '-s', '1', '-n', 'LABEL', image)
  run('mcopy', '-i', image, '-s', '-Q', at('folder'), at('tiny'), '::/')
  return new Uint8Array(readFileSync(image))
}

describe.skipIf(skipsWithout('dosfstools', 'mtools'))('FAT', () => {
  const images = Object.fromEntries(Object.entries(kinds).map(([kind, size]) => [kind, () => imageOf(kind, size)]))
  describeHostile({ name: 'FAT', open: openFat, images })
})
