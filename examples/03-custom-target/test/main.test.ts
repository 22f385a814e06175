import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

it('stores an object, lists it and reads a part of it', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['main.ts'], { cwd: `${import.meta.dirname}/..` })
  expect(stdout).toBe('packs/5c/5c0ffee5: 15 bytes\nbytes 7 to 14: in parts\n')
})
