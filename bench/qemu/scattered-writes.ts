import { createRandom, integerBelow } from '../workloads/random.ts'
import { blockBytes } from '../workloads/units.ts'

/** What a guest is to write. */
export interface ScatteredWrites {
  readonly diskBytes: number
  readonly totalBytes: number
  readonly seed: number
}

const blocksPerWrite = 32

/** Makes a shell script that writes noise to a disk, 128 KiB at a time at random places, and waits until it is there. */
export function scatteredWrites(device: string, { diskBytes, totalBytes, seed }: ScatteredWrites): string {
  const random = createRandom(seed)
  const lastBlock = diskBytes / blockBytes - blocksPerWrite
  const writes = Math.ceil(totalBytes / (blocksPerWrite * blockBytes))
  const places = Array.from({ length: writes }, () => integerBelow(random, lastBlock))
  return `export PATH=/bin:/sbin
set -e
for place in ${places.join(' ')}; do
  dd if=/dev/urandom of=${device} bs=${blockBytes} count=${blocksPerWrite} seek=$place conv=notrunc 2> /dev/null
done
sync
`
}
