import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const plugins = join(import.meta.dirname, '../../../plugins')

test('a vendor adopts the checks in under 30 lines, as every plugin here shows', () => {
  const files = readdirSync(plugins, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.conformance.test.ts') && !file.includes('node_modules'))
    .map((file) => join(plugins, file))
  expect(files.length).toBeGreaterThan(4)
  for (const file of files) expect(readFileSync(file, 'utf8').split('\n').length, file).toBeLessThan(30)
})
