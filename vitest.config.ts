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
    testTimeout: 30_000,
    hookTimeout: 30_000,
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
