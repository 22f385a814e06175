import { pathToFileURL } from 'node:url'
import { isBackupError } from '@holdfast/core'
import type { ConfigFile } from './config-file.js'
import { importModule } from './import-module.js'
import { configError, type Place, type Problem } from './problem.js'
import { systemCode } from './system-code.js'

/** Imports a TypeScript or JavaScript configuration and returns its default export. @throws BackupError `E_CONFIG` */
export async function importConfig({ path, shownPath }: ConfigFile): Promise<unknown> {
  const url = pathToFileURL(path).href
  const exports = await importModule(url).catch((error: unknown) => {
    throw configError(shownPath, [importProblem(error, [url, path])])
  })
  const config = exports['default']
  if (config instanceof Promise) {
    throw configError(shownPath, [
      { path: [], message: 'exports a promise.', hint: 'Write export default await …, since top-level await works.' },
    ])
  }
  if (config !== undefined) return config
  throw configError(shownPath, [
    { path: [], message: 'has no default export.', hint: 'Write export default defineConfig({ targets: { … } }).' },
  ])
}

function importProblem(cause: unknown, names: readonly string[]): Problem {
  const place = placeInStack(cause, names)
  const problem = { path: [], cause, ...(place !== undefined && { place }) }
  if (isBackupError(cause)) {
    return { ...problem, message: cause.message, hint: cause.hint ?? 'See the options of the plugin.' }
  }
  const reason = cause instanceof Error ? cause.message : String(cause)
  if (cause instanceof SyntaxError || systemCode(cause) === 'ERR_INVALID_TYPESCRIPT_SYNTAX') {
    // Quoted words are pieces of the file, and what stands next to a slip may be a secret.
    const [firstLine = ''] = reason.replace(/'[^']*'|"[^"]*"|`[^`]*`/g, '…').split('\n')
    return { ...problem, message: `cannot be understood: ${firstLine}`, hint: 'Mend the syntax.' }
  }
  if (systemCode(cause) === 'ERR_MODULE_NOT_FOUND') {
    return {
      ...problem,
      message: `imports what is not there: ${reason}`,
      hint: 'Install it with npm install, or mend the path.',
    }
  }
  return { ...problem, message: `threw while it was loaded: ${reason}`, hint: 'Mend the file.' }
}

/** Finds the line of the configuration in a stack: for people only, nothing is decided by it. */
function placeInStack(error: unknown, names: readonly string[]): Place | undefined {
  const stack = error instanceof Error ? (error.stack ?? '') : ''
  for (const line of stack.split('\n')) {
    const name = names.find((one) => line.includes(`${one}:`))
    if (name === undefined) continue
    const [, row, column] = /^:(\d+)(?::(\d+))?/.exec(line.slice(line.indexOf(name) + name.length)) ?? []
    if (row !== undefined) return { line: Number(row), column: Number(column ?? 1) }
  }
  return undefined
}
