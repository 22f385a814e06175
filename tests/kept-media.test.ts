import { wrapTarget } from '@holdfast/core'
import { copyPoints, repairRepository } from '@holdfast/core/engine'
import { seededBytes } from '@holdfast/testkit/images'
import { memorySource, memoryTarget } from '@holdfast/testkit/memory'
import { aesGcmTransform } from '@holdfast/transform-aes-gcm'
import { zstdTransform } from '@holdfast/transform-zstd'
import { expect, test } from 'vitest'
import { lab } from './support/lab.js'

const { init, run, open, points, restore, verify, prune } = lab({ workers: 1 })
const call = { signal: new AbortController().signal }
const transforms = [zstdTransform({ level: 1 }), aesGcmTransform({ passphrase: { env: 'KEPT' } })]

/** A target as a tape is: nothing is ever removed, and what was not synced goes with the session. */
function keptTarget() {
  return { name: 'kept', plugin: memoryTarget({ sequential: true, sync: true, removes: false }), transforms }
}

function machine() {
  return memorySource({ machines: [{ name: 'm', disks: { d: seededBytes(3_000_000, 1) } }] })
}

test('a target that keeps everything, and forgets what was not synced, has every point when its session is closed', async () => {
  const target = keptTarget()
  const source = machine()
  await init(target)
  const states: Uint8Array[] = []
  for (let day = 0; day < 3; day++) {
    expect((await run(source, [target])).status).toBe('done')
    states.push(source.bytes('m', 'd'))
    source.mutate('m', 'd', 100_000 * day, seededBytes(50_000, 10 + day))
  }
  const stored = await points(target)
  expect(stored.length).toBe(3)
  for (const [day, { point }] of stored.entries()) expect((await restore(target, point)).get('d')).toEqual(states[day])
  expect((await verify(target)).damage).toEqual([])
})

test('writers and readers leave no signs of life where nothing can be removed', async () => {
  const target = keptTarget()
  await init(target)
  await run(machine(), [target])
  const [stored] = await points(target)
  if (stored === undefined) throw new Error('there is no point')
  await restore(target, stored.point)
  expect(target.plugin.objects.keys().filter((key) => key.startsWith('writers/'))).toEqual([])
})

test('points are copied to it', async () => {
  const from = { name: 'from', plugin: memoryTarget(), transforms: [zstdTransform({ level: 1 })] }
  const source = machine()
  await init(from)
  await run(source, [from])
  const target = keptTarget()
  await init(target)
  {
    await using source = await open(from)
    await using copy = await open(target)
    await copyPoints(source.repository, copy.repository, await points(from), { ...call, transforms, workers: 1 })
  }
  const [copied] = await points(target)
  if (copied === undefined) throw new Error('nothing was copied')
  expect((await restore(target, copied.point)).get('d')).toEqual(source.bytes('m', 'd'))
})

test('content of disks is told from all that is read to find it', async () => {
  const bulk = new Map<string, boolean>()
  const target = { name: 'kept', plugin: memoryTarget(), transforms }
  const watched = wrapTarget(target.plugin, (session) => ({
    ...session,
    put: async (key, body, options) => {
      bulk.set(key, options.isBulk === true)
      await session.put(key, body, options)
    },
  }))
  await init({ ...target, plugin: watched })
  await run(machine(), [{ ...target, plugin: watched }])
  const packs = [...bulk].filter(([key]) => key.startsWith('packs/'))
  // One with chunks, one with the tree.
  expect(packs.map(([, isBulk]) => isBulk).sort()).toEqual([false, true])
  expect([...bulk].filter(([key, isBulk]) => isBulk && !key.startsWith('packs/'))).toEqual([])
})

test('it is neither pruned nor repaired, and says so', async () => {
  const target = keptTarget()
  await init(target)
  await run(machine(), [target])
  const before = target.plugin.objects.keys()
  await expect(prune(target)).rejects.toMatchObject({
    code: 'E_UNSUPPORTED',
    message: expect.stringContaining('pruned'),
  })
  await using opened = await open(target)
  await expect(repairRepository(opened.repository, undefined, { ...call, transforms })).rejects.toMatchObject({
    code: 'E_UNSUPPORTED',
  })
  expect(target.plugin.objects.keys()).toEqual(before)
})

test('a run whose sync fails has failed, and its point is not counted on', async () => {
  const target = keptTarget()
  const source = machine()
  await init(target)
  const broken = wrapTarget(target.plugin, (session) => ({
    ...session,
    sync: async () => {
      throw new Error('the tape tore')
    },
  }))
  const report = await run(source, [{ ...target, plugin: broken }])
  expect(report.status).toBe('failed')
  expect(await points(target)).toEqual([])
  expect((await run(source, [target])).status).toBe('done')
})
