import { expect, test } from 'vitest'
import { bans } from '../lib/import-bans.mjs'
import { importViolations } from '../lib/import-violations.mjs'

/** One offending file for each ban. */
const offences: Readonly<Record<string, readonly [file: string, text: string]>> = {
  'node-prefix': ['packages/core/src/engine/a.ts', "import { open } from 'fs/promises'"],
  'out-of-package': ['packages/core/test/a.test.ts', "import { a } from '../../config/src/index.js'"],
  'contract-pure': ['packages/core/src/contract/a.ts', "import { Buffer } from 'node:buffer'"],
  'contract-no-engine': ['packages/core/src/contract/a.ts', "import type { Run } from '../engine/run.js'"],
  'engine-builtins-only': ['packages/core/src/engine/a.ts', "import { z } from 'zod'"],
  'wire-independent': ['packages/formats/src/a.ts', "import { BackupError } from '@holdfast/core'"],
  'formats-builtins-only': ['packages/formats/src/a.ts', "import { z } from 'zod'"],
  'wire-tests-testkit-only': ['packages/protocol-nbd/test/a.test.ts', "import { a } from '@holdfast/source-image'"],
  'library-narrow': ['packages/machine-files/src/a.ts', "import { restorePoint } from '@holdfast/core/engine'"],
  'config-core-only': ['packages/config/src/a.ts', "import { run } from '@holdfast/core/engine'"],
  'testkit-core-only': ['packages/testkit/src/a.ts', "import { run } from '@holdfast/core/engine'"],
  'plugin-no-engine': ['plugins/target-a/src/a.ts', "export { run } from '@holdfast/core/engine'"],
  'plugin-no-plugin': ['plugins/target-a/test/a.test.ts', "import { diskTarget } from '@holdfast/target-disk'"],
  'plugin-testkit-in-tests': ['plugins/target-a/src/a.ts', "import { memoryTarget } from '@holdfast/testkit'"],
  'plugin-narrow': ['plugins/target-a/src/a.ts', "import { loadConfig } from '@holdfast/config'"],
  'cli-no-plugin': ['packages/cli/src/a.ts', "const disk = await import('@holdfast/target-disk')"],
  'cli-testkit-lazily': ['packages/cli/src/a.ts', "import { runChecks } from '@holdfast/testkit'"],
  'lab-in-tests': ['plugins/quiesce-a/src/a.ts', "import { startQemu } from 'holdfast-lab'"],
  'lab-builtins-only': ['packages/lab/src/a.ts', "import { connectQmp } from '@holdfast/protocol-qmp'"],
  'example-published-names': ['examples/a/a.ts', "import { open } from '@holdfast/core/src/engine/index.js'"],
}

test.each(Object.entries(offences))('%s is refused at its line, with a reason', (ban, [file, text]) => {
  const violations = importViolations(new Map([[file, `// first line\n${text}\n`]]))
  expect(violations.map((violation) => violation.ban)).toEqual([ban])
  expect(violations[0]).toMatchObject({ file, line: 2 })
  expect(violations[0]?.reason).toMatch(/^.{20,}\.$/)
})

test('file systems are held to the same as formats', () => {
  const text = "import { BackupError } from '@holdfast/core'\nimport { z } from 'zod'"
  const violations = importViolations(new Map([['packages/filesystems/src/a.ts', text]]))
  expect(violations.map((violation) => violation.ban)).toEqual(['wire-independent', 'formats-builtins-only'])
})

test('every ban has an offence that proves that it fires', () => {
  expect(Object.keys(offences).sort()).toEqual(bans.map((ban) => ban.id).sort())
})

test('what the matrix allows is let through', () => {
  const allowed = new Map([
    ['packages/core/src/contract/a.ts', "import type { B } from '../model/b.js'"],
    [
      'packages/core/src/engine/a.ts',
      "import { Worker } from 'node:worker_threads'\nimport { b } from '../contract/b.js'",
    ],
    ['packages/core/src/repository/chunk-id.ts', "type Library = typeof import('@napi-rs/blake-hash')"],
    ['packages/core/src/files/huge-pages.ts', "type Koffi = typeof import('koffi')"],
    ['packages/core/tsup.config.ts', "import { preset } from '../../tsup.preset.js'"],
    ['packages/cli/src/a.ts', "import { run } from '@holdfast/core/engine'\nawait import('@holdfast/testkit')"],
    ['packages/cli/src/c.ts', "import { copyImage } from '@holdfast/formats'"],
    ['packages/cli/src/d.ts', "import { serveNbd } from '@holdfast/protocol-nbd'"],
    [
      'packages/machine-files/src/a.ts',
      "import { openImage } from '@holdfast/formats'\nimport '@holdfast/descriptions'",
    ],
    ['packages/cli/src/b.ts', "import type { Check } from '@holdfast/testkit'"],
    [
      'plugins/target-a/src/a.ts',
      "import { objectKey } from '@holdfast/core'\nimport { nbd } from '@holdfast/protocol-nbd'\nimport '@holdfast/machine-files'",
    ],
    [
      'plugins/target-a/test/a.test.ts',
      "import { plugin } from '@holdfast/target-a'\nimport '@holdfast/testkit/vitest'",
    ],
    ['packages/protocol-a/test/a.test.ts', "import { startQemu } from 'holdfast-lab'"],
    ['packages/lab/test/a.test.ts', "import { connectQmp } from '@holdfast/protocol-qmp'"],
    ['packages/lab/test/b.test.ts', "import { connectIscsi } from '@holdfast/protocol-iscsi'"],
    ['examples/a/a.ts', "import { diskTarget } from '@holdfast/target-disk'"],
  ])
  expect(importViolations(allowed)).toEqual([])
})

test.for(['@napi-rs/blake-hash', 'koffi'])('%s is let into the engine at one place only', (library) => {
  const text = `type Library = typeof import('${library}')`
  expect(importViolations(new Map([['packages/core/src/engine/a.ts', text]]))).toMatchObject([
    { ban: 'engine-builtins-only' },
  ])
})

test.for(['protocol-qmp', 'protocol-nbd/testing'])('the program may not import %s', (name) => {
  const text = `import { a } from '@holdfast/${name}'`
  expect(importViolations(new Map([['packages/cli/src/a.ts', text]]))).toMatchObject([{ ban: 'cli-no-plugin' }])
})

test('files that load each other are refused, those that share types only are not', () => {
  const circle = new Map([
    ['packages/core/src/engine/a.ts', "import { b } from './b.js'"],
    ['packages/core/src/engine/b.ts', "export { c } from './c.js'"],
    ['packages/core/src/engine/c.ts', "import type { B } from './b.js'\nimport { a } from './a.js'"],
  ])
  expect(importViolations(circle)).toMatchObject([
    { ban: 'no-cycles', file: 'packages/core/src/engine/c.ts', line: 2, message: expect.stringContaining('a.ts -> ') },
  ])
  circle.set('packages/core/src/engine/c.ts', "import { type B } from './b.js'\nconst a = import('./a.js')")
  expect(importViolations(circle)).toEqual([])
})
