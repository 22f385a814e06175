// Checks the code in the pages: TypeScript compiles, configurations parse, commands exist.
//   ```ts                      type-checked against the built packages
//   ```ts ignore <reason>      left alone, and why
//   ```yaml holdfast           parsed and checked as a configuration
//   ```bash                    lines that start with `holdfast` name a command that there is
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isBackupError } from '@holdfast/core'
import { fenceTypeErrors } from './lib/fence-types.mjs'
import { fencesOf } from './lib/fences.mjs'
import { report } from './lib/report.mjs'
import { capture } from './lib/run.mjs'
import { markdownFiles } from './lib/source-files.mjs'
import { root } from './lib/workspace.mjs'

/** @typedef {import('./lib/fences.mjs').Fence} Fence */

const fences = markdownFiles().flatMap((file) => fencesOf(file, readFileSync(join(root, file), 'utf8')))
const typescript = fences.filter(({ language }) => ['ts', 'typescript'].includes(language))
const ignored = typescript.filter(({ rest }) => rest.startsWith('ignore'))
const compiled = typescript.filter((fence) => !ignored.includes(fence))
const configurations = fences.filter(({ language, rest }) => language === 'yaml' && rest === 'holdfast')
const shells = fences.filter(({ language }) => ['bash', 'sh', 'shell'].includes(language))

/** @type {{ fence: Fence, line: number, message: string }[]} */
const problems = [
  ...ignored
    .filter(({ rest }) => rest.trim() === 'ignore')
    .map((fence) => ({ fence, line: fence.line, message: 'an ignored fence needs its reason: ```ts ignore <reason>' })),
  ...fenceTypeErrors(compiled),
  ...(await configurationErrors()),
  ...(await commandErrors()),
]
report(
  typescript.length + configurations.length + shells.length,
  problems.map(({ fence, line, message }) => `${fence.file}:${line}: ${message}`),
  new Set(problems.map(({ fence }) => fence)).size,
)

/** Loads each configuration as a user of this checkout would, from a file beside the packages. */
async function configurationErrors() {
  if (configurations.length === 0) return []
  const { loadConfig } = await import('@holdfast/config')
  const folder = mkdtempSync(join(root, 'node_modules', '.holdfast-fences-'))
  /** @type {{ fence: Fence, line: number, message: string }[]} */
  const errors = []
  for (const fence of configurations) {
    const file = join(folder, 'holdfast.yaml')
    writeFileSync(file, fence.text)
    try {
      await loadConfig(file, { cwd: root, signal: AbortSignal.timeout(60_000) })
    } catch (error) {
      if (!isBackupError(error)) throw error
      // The places in the message are those of the file; the reader wants those of the page.
      const message = error.message.replaceAll(
        /\S*holdfast\.yaml:(\d+):\d+: /g,
        (_, line) => `line ${fence.line - 1 + Number(line)}: `,
      )
      errors.push({ fence, line: fence.line, message })
    }
  }
  rmSync(folder, { recursive: true })
  return errors
}

async function commandErrors() {
  const cli = join(root, 'node_modules', '.bin', 'holdfast')
  const used = shells.flatMap((fence) =>
    fence.text.split('\n').flatMap((text, index) => {
      const command = /^\s*(?:\$ )?(?:npx |pnpm |pnpm exec )?holdfast +([a-z][a-z-]*)/.exec(text)?.[1]
      return command === undefined ? [] : [{ fence, line: fence.line + index, command }]
    }),
  )
  if (used.length === 0 || !existsSync(cli)) return []
  const { ok, output } = await capture(cli, ['--help'])
  if (!ok) throw new Error(`holdfast --help failed\n${output}`)
  const known = new Set([...output.matchAll(/^ {2,}([a-z][a-z-]*)/gm)].map((match) => match[1]))
  return used
    .filter(({ command }) => !known.has(command))
    .map(({ fence, line, command }) => ({ fence, line, message: `there is no command \`holdfast ${command}\`` }))
}
