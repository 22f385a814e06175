import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { copyExample, type ExampleCopy } from 'holdfast-lab'
import { afterAll, beforeAll, expect, it } from 'vitest'

let example: ExampleCopy
beforeAll(async () => {
  example = copyExample(join(import.meta.dirname, '..'))
  await example.run('node', ['make-machines.ts'])
  await example.holdfast(['init'])
  await example.holdfast(['run', 'nightly'])
}, 120_000)
afterAll(() => example[Symbol.dispose]())

it('restores every disk byte for byte', async () => {
  const { folder, holdfast } = example
  for (const machine of ['web', 'db']) await holdfast(['restore', `${machine}@latest`, '--to', 'restored'])
  for (const disk of ['web/root.raw', 'db/root.raw', 'db/data.raw']) {
    const original = await readFile(join(folder, 'machines', disk))
    expect(original.equals(await readFile(join(folder, 'restored', disk))), disk).toBe(true)
  }
})

it('refuses to overwrite what was restored', async () => {
  await example.holdfast(['restore', 'web@latest', '--to', 'again'])
  await expect(example.holdfast(['restore', 'web@latest', '--to', 'again'])).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining('[E_PLACEMENT]'),
  })
})

it('reads everything back and finds no damage', async () => {
  const printed = await example.holdfast(['verify', '--read-data', '--json'])
  expect(printed).not.toContain('"damage-found"')
})

it('stores nothing new when nothing changed', async () => {
  const { holdfast } = example
  const { pipelines } = lastLine(await holdfast(['run', 'nightly', '--json']))
  expect(pipelines[0].targets).toMatchObject([{ target: 'vault', status: 'done', newChunks: 0 }])
  const points = JSON.parse(await holdfast(['list', '--target', 'vault', '--json']))
  expect(points).toHaveLength(4)
})

function lastLine(events: string) {
  return JSON.parse(events.trimEnd().split('\n').at(-1) ?? '')
}
