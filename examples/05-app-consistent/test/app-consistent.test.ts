import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { copyExample } from 'holdfast-lab'
import { expect, it } from 'vitest'

it('captures what the application had only in memory, and lets it go on', async () => {
  using example = copyExample(join(import.meta.dirname, '..'))
  const { folder, holdfast, run } = example
  await run('node', ['make-machines.ts'])
  await holdfast(['init'])
  await holdfast(['run', 'nightly'])
  expect(JSON.parse(await holdfast(['list', '--json']))).toMatchObject([
    { machine: 'shop', consistency: 'application' },
  ])
  await holdfast(['restore', 'shop@latest', '--to', 'restored'])
  const disk = await readFile(join(folder, 'restored', 'shop', 'data.raw'))
  expect(disk.toString('utf8', 0, 11)).toBe('orders: 42\n')
  await expect(stat(join(folder, 'app', 'frozen'))).rejects.toMatchObject({ code: 'ENOENT' })
})

it('captures nothing when the hook fails, and thaws all the same', async () => {
  using example = copyExample(join(import.meta.dirname, '..'))
  const { folder, holdfast, run } = example
  await run('node', ['make-machines.ts'])
  await holdfast(['init'])
  await writeFile(join(folder, 'freeze.sh'), '#!/bin/sh\ntouch app/frozen\nexit 1\n')
  await expect(holdfast(['run', 'nightly', '--json'])).rejects.toMatchObject({
    code: 1,
    stdout: expect.stringContaining('"E_FREEZE"'),
  })
  expect(JSON.parse(await holdfast(['list', '--json']))).toEqual([])
  await expect(stat(join(folder, 'app', 'frozen'))).rejects.toMatchObject({ code: 'ENOENT' })
})
