import { BackupError, type ObjectKey } from '@holdfast/core'
import { type VerifyReport, verifyRepository, workerPool } from '@holdfast/core/engine'
import { seededBytes } from '@holdfast/testkit/images'
import { memorySource, memoryTarget } from '@holdfast/testkit/memory'
import { expect, test } from 'vitest'
import { type LabTarget, lab } from './support/lab.js'
import { storedBytes, type Tape, tape } from './support/tape.js'

const { init, run, open, verify } = lab({ workers: 1 })

async function fill(target: Tape): Promise<void> {
  const source = memorySource({
    machines: ['m', 'n'].map((name, i) => ({ name, disks: { d: seededBytes(3_000_000, i + 1) } })),
  })
  await init(target)
  for (let day = 0; day < 4; day++) {
    expect((await run(source, [target])).status).toBe('done')
    source.mutate('m', 'd', 500_000 * day, seededBytes(200_000, 10 + day))
  }
}

/** The same objects where they can be read in any order. */
function onDisk(target: Tape): LabTarget {
  const plugin = memoryTarget()
  for (const key of target.memory.objects.keys()) plugin.objects.overwrite(key, storedBytes(target, key))
  return { name: 'disk', plugin, transforms: target.transforms }
}

function comparable({ damage, points, ok, checkedBytes, checkedPacks }: VerifyReport) {
  return { damage: [...damage].sort((a, b) => (a.object < b.object ? -1 : 1)), points, ok, checkedBytes, checkedPacks }
}

async function attempt(target: LabTarget, signal: AbortSignal): Promise<unknown> {
  await using opened = await open(target)
  await using pool = workerPool(2)
  return await verifyRepository(opened.repository, pool, { signal, readData: true }).then(
    () => undefined,
    (error: unknown) => error,
  )
}

test('each pack is read whole, in one request, one at a time, in the order of storing', async () => {
  const target = tape()
  await fill(target)
  const disk = onDisk(target)
  target.rewind()
  const report = await verify(target)
  expect(report).toMatchObject({ ok: true, damage: [] })
  const packs = target.dataPacks()
  expect(packs.length).toBeGreaterThan(3)
  expect(target.packReads()).toEqual(packs.map((key) => ({ key, offset: 0, length: storedBytes(target, key).length })))
  expect(target.atOnce()).toBe(1)
  expect(comparable(report)).toEqual(comparable(await verify(disk)))
})

test('damage of any kind is found and reported as on other targets', async () => {
  const target = tape()
  await fill(target)
  const { objects } = target.memory
  const packs = target.dataPacks() as readonly ObjectKey[]
  const harm = (number: number, change: (bytes: Uint8Array) => Uint8Array) => {
    const key = packs[number]
    if (key !== undefined) objects.overwrite(key, change(storedBytes(target, key)))
  }
  const flip = (at: number) => (bytes: Uint8Array) => {
    const place = at < 0 ? bytes.length + at : at
    bytes[place] = (bytes[place] ?? 0) ^ 1
    return bytes
  }
  harm(0, flip(70_000))
  harm(1, flip(-200))
  harm(2, (bytes) => bytes.subarray(0, bytes.length - 5000))
  objects.drop(packs[3] ?? ('' as ObjectKey))
  const report = await verify(target)
  expect(report.ok).toBe(false)
  expect(report.damage.map(({ object }) => object).sort()).toEqual([...packs.slice(0, 4)].sort())
  expect(comparable(report)).toEqual(comparable(await verify(onDisk(target))))
})

test('what is larger than is read at once is looked at all the same', async () => {
  const target = tape()
  await fill(target)
  const [key] = target.dataPacks() as readonly ObjectKey[]
  if (key === undefined) throw new Error('there is no pack')
  target.memory.objects.overwrite(key, Buffer.concat([storedBytes(target, key), new Uint8Array(33 * 2 ** 20)]))
  const report = await verify(target)
  expect(report.damage.map(({ object }) => object)).toEqual([key])
  // The frames are all there, where the index says: the points are whole.
  expect(report.points.every(({ ok }) => ok)).toBe(true)
})

test('a medium that is needed is no damage', async () => {
  let fails = false
  const needed = new BackupError('E_MEDIA_NEEDED', "Put in cartridge 'A00007L8'.")
  const target = tape(({ key }) => {
    if (fails && key === target.dataPacks()[2]) throw needed
  })
  await fill(target)
  fails = true
  expect(await attempt(target, new AbortController().signal)).toBe(needed)
  expect(target.underWay()).toBe(0)
})

test('an abort stops it while packs are read', async () => {
  const controller = new AbortController()
  let stops = false
  const target = tape(({ key }) => {
    if (stops && key === target.dataPacks()[2]) controller.abort(new Error('stop'))
  })
  await fill(target)
  stops = true
  target.rewind()
  expect(await attempt(target, controller.signal)).toBe(controller.signal.reason)
  expect(target.underWay()).toBe(0)
  expect(target.packReads().map(({ key }) => key)).toEqual(target.dataPacks().slice(0, 3))
})
