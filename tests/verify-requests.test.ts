import { BackupError, type TargetPlugin, type TargetSession, wrapTarget } from '@holdfast/core'
import { memorySource, memoryTarget } from '@holdfast/testkit/memory'
import { expect, test } from 'vitest'
import { lab } from './support/lab.js'
import { cheapImage } from './support/sources.js'

const { init, run, verify } = lab({ workers: 1 })
const mebibyte = 2 ** 20

/** A target whose packs hold several frames each, seen through `get`. */
async function filled(get: (session: TargetSession) => TargetSession['get']): Promise<TargetPlugin> {
  const inner = memoryTarget()
  await init({ name: 't', plugin: inner })
  const source = memorySource({ machines: [{ name: 'web', disks: { root: cheapImage(40 * mebibyte) } }] })
  expect((await run(source, [{ name: 't', plugin: inner }])).status).toBe('done')
  return wrapTarget(inner, (session) => ({ ...session, get: get(session) }))
}

test('a verification reads a pack in three requests, however many frames it has', { timeout: 60_000 }, async () => {
  const requests = new Map<string, number>()
  const plugin = await filled((session) => (key, options) => {
    requests.set(key, (requests.get(key) ?? 0) + 1)
    return session.get(key, options)
  })
  const report = await verify({ name: 't', plugin })
  expect(report.damage).toEqual([])
  const packs = [...requests].filter(([key]) => key.startsWith('packs/'))
  expect(packs.length).toBeGreaterThan(2)
  // Nodes of trees are read apart, when the points are walked.
  const data = packs.filter(([, count]) => count <= 3)
  expect(data.length).toBeGreaterThanOrEqual(packs.length - 1)
})

test('a request that breaks for good costs no frame: the others are asked for one by one', {
  timeout: 60_000,
}, async () => {
  let broken = 0
  const plugin = await filled((session) => (key, options) => breaking(session.get(key, options), options.range?.length))
  async function* breaking(parts: AsyncIterable<Uint8Array>, length = 0): AsyncIterable<Uint8Array> {
    if (length < 6 * mebibyte) return yield* parts
    broken++
    for await (const part of parts) {
      yield part.subarray(0, 5 * mebibyte)
      throw new BackupError('E_TARGET_IO', 'The cable was pulled.')
    }
  }
  const report = await verify({ name: 't', plugin })
  expect(broken).toBeGreaterThan(1)
  expect(report.damage).toEqual([])
  expect(report.points.every((point) => point.ok)).toBe(true)
})
