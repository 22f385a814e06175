import { defineTransform } from '@holdfast/core'
import { runPipeline, workerPool } from '@holdfast/core/engine'
import { seededImage } from '@holdfast/testkit/images'
import { memorySource, memoryTarget } from '@holdfast/testkit/memory'
import { expect, it } from 'vitest'
import { outcomeOf } from './support/outcome.js'
import { call, chainFor, hostAt, initVault, openVault } from './support/vault.js'

/** Looks at a frame late: whoever writes into a frame that another still encodes is found out. */
const slow = defineTransform({
  id: 'slow',
  version: 1,
  parameters: {},
  capabilities: {},
  module: `data:text/javascript,${encodeURIComponent(`
    const pause = new Int32Array(new SharedArrayBuffer(4))
    export const createCodec = () => ({
      encode: (input, output) => { Atomics.wait(pause, 0, 0, 25); output.set(input); return input.length },
      decode: (input, output) => { output.set(input); return input.length },
    })`)}`,
})

it('writes every target of one pass whole, however their keys, hashes and what they already hold differ', async () => {
  const source = memorySource({
    machines: [
      { name: 'one', disks: { sda: seededImage(48 * 2 ** 20, 1, { usedPercent: 90 }) } },
      { name: 'two', disks: { sda: seededImage(16 * 2 ** 20, 2, { usedPercent: 90 }) } },
    ],
  })
  const host = { ...hostAt({ daysAgo: 0 }), workers: 4 }
  const kinds = [
    ['plain', 'blake3'],
    ['encrypted', 'blake3'],
    ['plain', 'sha-256'],
  ] as const
  const targets = kinds.map(([protection, chunkHash], i) => {
    const transforms = [slow, ...chainFor(protection)]
    return { name: `target-${i}`, plugin: memoryTarget(), transforms, chunkHash }
  })
  const [first] = targets
  for (const target of targets) await initVault(target, target.transforms, host, target.chunkHash)
  const run = (select: string, into: typeof targets) =>
    runPipeline({ name: 'nightly', source, select: { include: [select] }, targets: into }, host, call)
  await run('two', targets.slice(0, 1))
  const { status, machines } = await run('*', targets)
  expect(status).toBe('done')
  const truths = new Map(
    machines.map(({ machine, points }) => [
      String(points[0]?.point),
      { disks: new Map([['sda', source.bytes(machine, 'sda')]]) },
    ]),
  )
  await using pool = workerPool(2)
  for (const target of targets) {
    const { report, restored } = await outcomeOf(await openVault(target, target.transforms, host), truths, pool)
    expect(report.damage, target.name).toEqual([])
    expect([...restored.values()].map(({ how }) => how)).toEqual(['same', 'same'])
  }
  expect(first?.plugin.objects.keys().length).toBeGreaterThan(5)
}, 60_000)
