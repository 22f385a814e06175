import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { defineConfig } from 'vitest/config'

const root = import.meta.dirname

const folders = ['packages', 'plugins', 'examples']
  .filter((parent) => existsSync(join(root, parent)))
  .flatMap((parent) => readdirSync(join(root, parent)).map((name) => `${parent}/${name}`))

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    // A hang is noticed by these; how fast something is, is measured elsewhere. A busy machine is five times slower.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    teardownTimeout: 10_000,
    projects: [
      ...[...folders, 'bench', 'scripts']
        .filter((folder) => existsSync(join(root, folder, 'test')))
        .map((folder) => ({
          extends: true as const,
          root: folder,
          test: { name: folder, include: ['test/**/*.test.ts'] },
        })),
      { extends: true, root: 'tests', test: { name: 'tests', include: ['*.test.ts'] } },
    ],
  },
})
