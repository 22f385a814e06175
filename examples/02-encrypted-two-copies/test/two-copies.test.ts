import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { copyExample, type ExampleCopy } from 'holdfast-lab'
import { afterAll, beforeAll, expect, it } from 'vitest'

const secret = { HOLDFAST_PASSPHRASE: 'a sentence that only you know' }

let example: ExampleCopy
beforeAll(async () => {
  example = copyExample(join(import.meta.dirname, '..'))
  await example.run('node', ['make-machines.ts'])
  await example.holdfast(['init'], secret)
  await example.holdfast(['run', 'nightly'], secret)
}, 120_000)
afterAll(() => example[Symbol.dispose]())

it('keeps every recovery point on both targets', async () => {
  const idsOn = async (target: string) => {
    const points: readonly { readonly id: string }[] = JSON.parse(
      await example.holdfast(['list', '--target', target, '--json'], secret),
    )
    return points.map(({ id }) => id)
  }
  const first = await idsOn('vault')
  expect(first).toHaveLength(2)
  expect(await idsOn('offsite')).toEqual(first)
})

it('reads every chunk of both copies back as it was', async () => {
  const printed = await example.holdfast(['verify', '--read-data', '--json'], secret)
  expect(printed).not.toContain('"damage-found"')
})

it('stores no byte of a disk or of a name in clear', async () => {
  const disk = await readFile(join(example.folder, 'machines', 'db', 'data.raw'))
  const sample = disk.subarray(firstData(disk), firstData(disk) + 64)
  const entries = await readdir(join(example.folder, 'vault'), { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name))
  expect(files.length).toBeGreaterThan(5)
  for (const file of files) {
    const bytes = await readFile(file)
    expect(bytes.includes(sample), file).toBe(false)
    expect(bytes.includes('"nightly"'), file).toBe(false)
  }
})

it('opens with the passphrase alone', async () => {
  const list = ['list', '--target', 'vault']
  await expect(example.holdfast(list, { HOLDFAST_PASSPHRASE: 'a guess' })).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining('[E_KEY_WRONG]'),
  })
  await expect(example.holdfast(list, { HOLDFAST_PASSPHRASE: undefined })).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringContaining('[E_SECRET]'),
  })
})

it('restores from the second copy when the first is lost', async () => {
  const { folder, holdfast } = example
  await rm(join(folder, 'vault'), { recursive: true })
  await holdfast(['restore', 'db@latest', '--target', 'offsite', '--to', 'restored'], secret)
  const original = await readFile(join(folder, 'machines', 'db', 'data.raw'))
  expect(original.equals(await readFile(join(folder, 'restored', 'db', 'data.raw')))).toBe(true)
})

function firstData(bytes: Buffer): number {
  return bytes.findIndex((byte) => byte !== 0)
}
