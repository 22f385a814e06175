import { existsSync } from 'node:fs'
import { createRequire, isBuiltin } from 'node:module'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { systemCode } from './system-code.js'

/** Where `use:` points: a package or a file, and one of its exports. */
export interface PluginReference {
  /** Package name with an optional subpath, or a path that starts with `./`, `../` or `/`. */
  readonly module: string
  /** @defaultValue `'plugin'` */
  readonly exportName: string
}

const packagePattern = /^(?:@[a-z0-9~-][\w.~-]*\/)?[a-z0-9~-][\w.~-]*(?:\/[\w.~-]+)*$/i

/** Reads `package`, `package#export`, `./file.js` and `./file.js#export`; `undefined` for anything else. */
export function parsePluginReference(use: string): PluginReference | undefined {
  const [, module = '', exportName = 'plugin'] = /^([^#]*)(?:#([A-Za-z_$][\w$]*))?$/.exec(use) ?? []
  const known = isPath(module) ? !module.includes('\0') : packagePattern.test(module) && !isBuiltin(module)
  return known ? { module, exportName } : undefined
}

/** Tells whether a reference names a file and no package. */
export function isPath(module: string): boolean {
  return /^(?:\.{1,2}[\\/]|\/|[A-Za-z]:[\\/])/.test(module)
}

/** Names the package of a reference, without a subpath. */
export function packageName(module: string): string {
  return module
    .split('/')
    .slice(0, module.startsWith('@') ? 2 : 1)
    .join('/')
}

/**
 * Finds the module of a reference: from the config's folder first, then from the working folder, then from here.
 *
 * Guarantee: nothing is run. `undefined` when there is none.
 */
export async function resolvePluginModule(module: string, baseDir: string, cwd: string): Promise<string | undefined> {
  if (isPath(module)) {
    const path = resolve(baseDir, module)
    return existsSync(path) ? pathToFileURL(path).href : undefined
  }
  const starts = [baseDir, cwd].map((folder) => pathToFileURL(resolve(folder, 'holdfast.yaml')).href)
  for (const start of [...starts, import.meta.url]) {
    const found = await resolvePackage(module, start)
    if (found !== undefined) return found
  }
  return undefined
}

async function resolvePackage(module: string, start: string): Promise<string | undefined> {
  try {
    return pathToFileURL(createRequire(start).resolve(module)).href
  } catch (error) {
    // Node resolves for `require` here; what a package exports to `import` alone, jiti finds.
    if (systemCode(error) !== 'ERR_PACKAGE_PATH_NOT_EXPORTED') return undefined
    const { createJiti } = await import('jiti')
    return createJiti(start).esmResolve(module, { try: true, parentURL: start })
  }
}
