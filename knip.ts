import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { KnipConfig } from 'knip'

const root = import.meta.dirname

const built = ['packages', 'plugins'].flatMap((parent) =>
  readdirSync(join(root, parent))
    .map((name) => `${parent}/${name}`)
    .filter((folder) => existsSync(join(root, folder, 'tsup.config.ts'))),
)

const config: KnipConfig = {
  ignoreExportsUsedInFile: { interface: true, type: true },
  // Tests call programs of the system, which no package.json can list.
  exclude: ['binaries'],
  workspaces: {
    '.': {
      entry: [
        'scripts/*.mjs',
        'bench/*.ts',
        'bench/measure/read-nbd-export.ts',
        'bench/tape/move-blocks.ts',
        '{scripts,bench}/test/**/*.test.ts',
      ],
      project: ['{scripts,bench}/**/*.{mjs,ts}', '*.ts'],
      // The checkout itself is a place where configurations and documentation fences find the packages.
      ignoreDependencies: ['@holdfast/.+', 'holdfast-lab', 'holdfast-target-acme'],
    },
    ...Object.fromEntries(
      built.map((folder) => [
        folder,
        {
          entry: [...buildEntries(folder), 'test/**/*.test.ts', 'test/support/*-main.ts'],
          project: ['{src,test}/**/*.ts'],
        },
      ]),
    ),
    'packages/lab': { entry: ['test/**/*.test.ts'], project: ['{src,test}/**/*.ts'] },
    'examples/*': { entry: ['*.{ts,mjs}', 'test/**/*.test.ts'], project: ['**/*.{ts,mjs}'] },
    tests: { entry: ['*.test.ts', 'support/*-main.ts'], project: ['**/*.ts'] },
    docs: { entry: ['api/*.ts'], project: ['{api,.vitepress}/**/*.ts'] },
  },
}

export default config

/** The entries are arguments of the shared preset, where knip's own reader does not look for them. */
function buildEntries(folder: string): string[] {
  const text = readFileSync(join(root, folder, 'tsup.config.ts'), 'utf8')
  return [...text.matchAll(/'(src\/[^']+)'/g)].map((match) => match[1] ?? '')
}
