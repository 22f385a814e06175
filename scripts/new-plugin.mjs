// Starts a plugin from the template: pnpm new:plugin <source|quiesce|transform|target> <id>
import { createPlugin } from './lib/plugin-skeleton.mjs'
import { root } from './lib/workspace.mjs'

const [kind, id, ...others] = process.argv.slice(2)
if (kind === undefined || id === undefined || others.length > 0) {
  console.error('usage: pnpm new:plugin <source|quiesce|transform|target> <id>')
  process.exit(2)
}
try {
  const { folder, name } = createPlugin({ root, kind, id })
  console.log(`${name} is in ${folder}. Next:
  pnpm add --workspace-root --save-dev --workspace ${name}
  pnpm changeset
  pnpm vitest run --project ${folder}`)
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 2
}
