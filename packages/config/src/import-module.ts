import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { systemCode } from './system-code.js'

/** What a module exports. */
export type ModuleExports = Readonly<Record<string, unknown>>

/** Codes of Node for TypeScript that its type stripping does not take: enums, parameter properties, packages in TypeScript. */
const typescriptCodes: ReadonlySet<string | undefined> = new Set([
  'ERR_UNKNOWN_FILE_EXTENSION',
  'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX',
  'ERR_UNSUPPORTED_NODE_MODULES_TYPE_STRIPPING',
])

/** Imports a module by URL: Node's own way, and jiti's only where Node refuses TypeScript. Writes nothing. */
export async function importModule(url: string): Promise<ModuleExports> {
  try {
    return await import(/* @vite-ignore */ url)
  } catch (error) {
    if (!typescriptCodes.has(systemCode(error)) && !isTypescriptNeighbour(error)) throw error
    const { createJiti } = await import('jiti')
    return createJiti(url, { fsCache: false }).import<ModuleExports>(url)
  }
}

/** Tells whether an import of `./x.js` failed that TypeScript takes for `./x.ts`. */
function isTypescriptNeighbour(error: unknown): boolean {
  if (systemCode(error) !== 'ERR_MODULE_NOT_FOUND') return false
  const url: unknown = Reflect.get(Object(error), 'url')
  if (typeof url !== 'string' || !url.startsWith('file:')) return false
  const path = fileURLToPath(url)
  return /\.m?js$/.test(path) && existsSync(path.replace(/js$/, 'ts'))
}
