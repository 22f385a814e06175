import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

it('plans, runs, lists and restores the same bytes', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['main.ts'], { cwd: `${import.meta.dirname}/..` })
  const lines = stdout.trimEnd().split('\n')
  expect(lines[0]).toMatch(/^problem: .*holds no repository.*holdfast init/)
  expect(lines.slice(1)).toEqual([
    'planned: 1 machine, 0 problems',
    'web is safe on vault',
    'run: done',
    'listed: web, 1 disk',
    'restored: web, the same bytes',
  ])
})
