import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

it('codes a frame there and back', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['main.ts'], { cwd: `${import.meta.dirname}/..` })
  expect(stdout).toBe('31000 bytes became fewer than 200\nand came back as they were\n')
})
