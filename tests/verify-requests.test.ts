import { BackupError, type TargetPlugin, type TargetSession, wrapTarget } from '@holdfast/core'
import { verifyRepository, workerPool } from '@holdfast/core/engine'
import { memorySource, memoryTarget } from '@holdfast/testkit/memory'
import { expect, test } from 'vitest'
import { lab } from './support/lab.js'
import { cheapImage } from './support/sources.js'

const { init, open, run, verify } = lab({ workers: 1 })
const mebibyte = 2 ** 20

/** A target whose packs hold several frames each, seen through `get`. */
async function filled(get: (session: TargetSession) => TargetSession['get']): Promise<TargetPlugin> {
  const inner = memoryTarget()
  await init({ name: 't', plugin: inner })
  const source = memorySource({ machines: [{ name: 'web', disks: { root: cheapImage(40 * mebibyte) } }] })
  expect((await run(source, [{ name: 't', plugin: inner }])).status).toBe('done')
  return wrapTarget(inner, (session) => ({ ...session, get: get(session) }))
}

test('a verification reads a pack in three requests, however many frames it has', async () => {
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

test('a request that breaks for good costs no frame: the others are asked for one by one', async () => {
  let broken = 0
  let alone = 0
  const plugin = await filled((session) => (key, options) => breaking(session.get(key, options), options.range?.length))
  async function* breaking(parts: AsyncIterable<Uint8Array>, length = 0): AsyncIterable<Uint8Array> {
    if (length > mebibyte && length < 6 * mebibyte) alone++
    if (length < 6 * mebibyte) return yield* parts
    broken++
    let passed = 0
    for await (const part of parts) {
      yield part
      passed += part.byteLength
      if (passed > 5 * mebibyte) throw new BackupError('E_TARGET_IO', 'The cable was pulled.')
    }
  }
  const report = await verify({ name: 't', plugin })
  // Three packs hold the ten frames; one frame of each came before the break.
  expect(broken).toBe(3)
  expect(alone).toBe(10 - broken)
  expect(report.damage).toEqual([])
  expect(report.points.every((point) => point.ok)).toBe(true)
})

test('an aborted verification ends when its last request has ended', async () => {
  const stop = new AbortController()
  let ended = false
  const plugin = await filled((session) => (key, options) => stopping(session.get(key, options), options.range?.length))
  async function* stopping(parts: AsyncIterable<Uint8Array>, length = 0): AsyncIterable<Uint8Array> {
    if (length < 6 * mebibyte) return yield* parts
    let passed = 0
    for await (const part of parts) {
      yield part
      passed += part.byteLength
      if (passed < 5 * mebibyte || stop.signal.aborted) continue
      stop.abort(new Error('enough'))
      // The frame before is given up while this one is still being read.
      await new Promise((resolve) => setTimeout(resolve, 100))
      ended = true
    }
  }
  await using opened = await open({ name: 't', plugin })
  await using pool = workerPool(1)
  const verifying = verifyRepository(opened.repository, pool, { signal: stop.signal, readData: true })
  await expect(verifying).rejects.toThrow('enough')
  expect(ended).toBe(true)
})
