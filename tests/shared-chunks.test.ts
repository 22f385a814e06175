import { wrapTarget } from '@holdfast/core'
import { type MemoryTarget, memorySource, memoryTarget } from '@holdfast/testkit/memory'
import { expect, test } from 'vitest'
import { lab } from './support/lab.js'
import { cheapImage, withDisks } from './support/sources.js'

const { init, run, verify } = lab({ workers: 1 })
const region = 4 * 2 ** 20

function copyOf({ objects }: MemoryTarget): MemoryTarget {
  const copy = memoryTarget()
  for (const key of objects.keys()) copy.objects.overwrite(key, objects.find(key)?.bytes ?? new Uint8Array())
  return copy
}

test('a point is not committed before chunks that another machine is still storing', async () => {
  const inner = memoryTarget()
  await init({ name: 't', plugin: inner })
  // Twelve regions fill all the packs that may wait for the target; the thirteenth waits for room.
  const image = cheapImage(13 * region)
  const last = {
    ...image,
    sizeBytes: region,
    fillRange: (offset: number, into: Uint8Array) => image.fillRange(12 * region + offset, into),
  }
  const clone = { ...last, extents: () => [{ offset: 0, length: region, kind: 'data' as const }] }
  const allRead = Promise.withResolvers<void>()
  const cloneRead = Promise.withResolvers<void>()
  let readBytes = 0
  const source = withDisks(
    memorySource({
      machines: [
        { name: 'big', disks: { big: image } },
        { name: 'clone', disks: { clone } },
      ],
    }),
    (disk) => ({
      ...disk,
      readInto: async (offset, into, options) => {
        if (disk.id === 'clone') await allRead.promise
        await disk.readInto(offset, into, options)
        readBytes += disk.id === 'big' ? into.length : 0
        if (readBytes === 13 * region) allRead.resolve()
        if (disk.id === 'clone') cloneRead.resolve()
      },
    }),
  )
  const moments: MemoryTarget[] = []
  const plugin = wrapTarget(inner, (session) => ({
    ...session,
    put: async (key, body, options) => {
      if (key.startsWith('packs/')) {
        await cloneRead.promise
        await new Promise((resolve) => setTimeout(resolve, 200))
      }
      await session.put(key, body, options)
      if (key.startsWith('points/')) moments.push(copyOf(inner))
    },
  }))
  expect((await run(source, [{ name: 't', plugin }])).status).toBe('done')
  expect(moments).toHaveLength(2)
  for (const moment of moments) expect((await verify({ name: 't', plugin: moment })).damage).toEqual([])
})
