// Checks who may import whom: the bans are in lib/import-bans.mjs, each with its reason.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { importViolations } from './lib/import-violations.mjs'
import { report } from './lib/report.mjs'
import { sourceFiles } from './lib/source-files.mjs'
import { root } from './lib/workspace.mjs'

const files = new Map(sourceFiles().map((file) => [file, readFileSync(join(root, file), 'utf8')]))
const violations = importViolations(files)
report(
  files.size,
  violations.map(({ file, line, ban, message, reason }) => `${file}:${line}: ${ban}: ${message}. ${reason}`),
  new Set(violations.map(({ file }) => file)).size,
)
