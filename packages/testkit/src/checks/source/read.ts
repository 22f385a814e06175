import { seededNumbers } from '../../images/seeded-random.js'
import { expectAborted, expectBackupError, expectBytes } from '../expect.js'
import {
  discovered,
  forEachDisk,
  openSource,
  readRange,
  referenceOf,
  type SourceCheck,
  withCapture,
} from './source-check.js'

/** Reads fill exactly what was asked for. */
export const readChecks: readonly SourceCheck[] = [
  {
    id: 'source/read/any-range',
    kind: 'source',
    title: 'fills any range with exactly the bytes of the disk',
    offers: ['reference'],
    run: (env) =>
      forEachDisk(env, async (disk, machine) => {
        const bytes = await referenceOf(env, machine.id, disk.id)
        expectBytes(await readRange(env, disk, 0, disk.sizeBytes), bytes, `Disk ${disk.id} as a whole`)
        for (const [offset, length] of someRanges(disk.sizeBytes, 31)) {
          const read = await readRange(env, disk, offset, length)
          expectBytes(
            read,
            bytes.subarray(offset, offset + length),
            `Bytes ${offset} to ${offset + length} of disk ${disk.id}`,
          )
        }
      }),
  },
  {
    id: 'source/read/shared-memory',
    kind: 'source',
    title: 'fills shared memory, and nothing beside the given buffer',
    offers: ['reference'],
    run: (env) =>
      forEachDisk(env, async (disk, machine) => {
        const bytes = await referenceOf(env, machine.id, disk.id)
        const slab = new Uint8Array(new SharedArrayBuffer(3 * 65_536)).fill(0x5c)
        for (const [offset, wanted] of someRanges(disk.sizeBytes, 32)) {
          const length = Math.min(wanted, 65_536)
          await readRange(env, disk, offset, length, slab.subarray(65_536, 65_536 + length))
          expectBytes(
            slab.slice(65_536, 65_536 + length),
            bytes.subarray(offset, offset + length),
            `Bytes from ${offset} in shared memory`,
          )
          expectBytes(slab.slice(0, 65_536), new Uint8Array(65_536).fill(0x5c), 'What lies before the buffer')
          expectBytes(slab.slice(2 * 65_536), new Uint8Array(65_536).fill(0x5c), 'What lies after the buffer')
          slab.fill(0x5c)
        }
      }),
  },
  {
    id: 'source/read/concurrent',
    kind: 'source',
    title: 'serves several reads of a disk at once',
    offers: ['reference'],
    run: async (env) => {
      const plugin = env.create()
      await using session = await openSource(env, plugin)
      for (const machine of await discovered(env, session)) {
        await withCapture(env, session, machine, async ({ disks }) => {
          for (const disk of disks) {
            const bytes = await referenceOf(env, machine.id, disk.id)
            const ranges = [...someRanges(disk.sizeBytes, 33)].values()
            const readers = Array.from({ length: plugin.capabilities.maxConcurrentReads }, async () => {
              for (const [offset, length] of ranges) {
                const read = await readRange(env, disk, offset, length)
                expectBytes(
                  read,
                  bytes.subarray(offset, offset + length),
                  `Concurrent read from ${offset} of disk ${disk.id}`,
                )
              }
            })
            await Promise.all(readers)
          }
        })
      }
    },
  },
  {
    id: 'source/read/past-end',
    kind: 'source',
    title: 'rejects a read past the end instead of filling part of it',
    run: (env) =>
      forEachDisk(env, async (disk) => {
        const { sizeBytes } = disk
        for (const [offset, length] of [
          [sizeBytes, 1],
          [sizeBytes - 1, 2],
          [sizeBytes + 4096, 4096],
          [0, sizeBytes + 1],
          [-1, 1],
        ] as const) {
          const read = disk.readInto(offset, new Uint8Array(length), { signal: env.signal })
          await expectBackupError(
            read,
            ['E_SOURCE_READ', 'E_USAGE'],
            `Reading ${length} bytes at ${offset} of ${sizeBytes}`,
          )
        }
        await readRange(env, disk, Math.max(0, sizeBytes - 512), Math.min(512, sizeBytes))
      }),
  },
  {
    id: 'source/read/abort',
    kind: 'source',
    title: 'reads nothing when already aborted, and reads on afterwards',
    run: (env) =>
      forEachDisk(env, async (disk) => {
        const signal = AbortSignal.abort(new Error('too late'))
        const length = Math.min(4096, disk.sizeBytes)
        await expectAborted(
          disk.readInto(0, new Uint8Array(length), { signal }),
          signal,
          'readInto with an aborted signal',
        )
        await readRange(env, disk, 0, length)
      }),
  },
]

/** Ranges at the edges and at random places, aligned and not. */
function* someRanges(sizeBytes: number, seed: number): Generator<readonly [offset: number, length: number]> {
  if (sizeBytes === 0) return
  yield* [
    [0, 1],
    [sizeBytes - 1, 1],
    [0, Math.min(512, sizeBytes)],
  ]
  yield [Math.floor(sizeBytes / 2), Math.min(65_537, sizeBytes - Math.floor(sizeBytes / 2))]
  const next = seededNumbers(seed)
  for (let count = 0; count < 40; count++) {
    const offset = next() % sizeBytes
    yield [offset, 1 + (next() % Math.min(200_000, sizeBytes - offset))]
  }
}
