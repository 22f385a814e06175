import { cpSync, existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

const kinds = ['source', 'quiesce', 'transform', 'target']
const legalId = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/
const notCopied = new Set(['node_modules', 'dist', ...kinds])

/**
 * Copies the template of a plugin kind and gives it its name.
 *
 * @param {{ root: string, kind: string, id: string }} wanted
 * @returns {{ folder: string, name: string }} The new plugin's folder below the root and its package name.
 */
export function createPlugin({ root, kind, id }) {
  if (!kinds.includes(kind)) throw new Error(`'${kind}' is no plugin kind; kinds are ${kinds.join(', ')}`)
  if (!legalId.test(id) || id.length > 63 || id === 'template') {
    throw new Error(`'${id}' is no legal id: lower-case letters and digits, words joined by single dashes, at most 63`)
  }
  const template = templateFor(root, kind)
  const folder = `plugins/${kind}-${id}`
  const path = join(root, folder)
  if (existsSync(path)) throw new Error(`${folder} is already there`)
  cpSync(template, path, {
    recursive: true,
    filter: (source) => source === template || !notCopied.has(basename(source)),
  })
  for (const file of filesBelow(path)) renameIn(file, id)
  publish(path, root)
  return { folder, name: `@holdfast/${kind}-${id}` }
}

/** @param {string} root @param {string} kind */
function templateFor(root, kind) {
  const template = kind === 'target' ? join(root, 'plugins/_template') : join(root, 'plugins/_template', kind)
  if (!existsSync(join(template, 'package.json'))) {
    throw new Error(`There is no template for a ${kind} yet; start from the first-party ${kind} plugin that is nearest`)
  }
  return template
}

/** Replaces the template's name in a file and in the file's own name. @param {string} file @param {string} id */
function renameIn(file, id) {
  const words = id.split('-').map((word) => word.slice(0, 1).toUpperCase() + word.slice(1))
  const pascal = words.join('')
  const camel = pascal.slice(0, 1).toLowerCase() + pascal.slice(1)
  /** @param {string} text */
  const renamed = (text) =>
    text
      .replaceAll(/template(?=[A-Z])/g, camel)
      .replaceAll(/Template(?=[A-Z])/g, pascal)
      .replaceAll('template', id)
      .replaceAll('Template', words.join(' '))
  writeFileSync(file, renamed(readFileSync(file, 'utf8')))
  renameSync(file, join(dirname(file), renamed(basename(file))))
}

/** Makes the copy a published package, at the depth where plugins are. @param {string} path @param {string} root */
function publish(path, root) {
  const manifestFile = join(path, 'package.json')
  const { private: _, ...manifest } = JSON.parse(readFileSync(manifestFile, 'utf8'))
  writeFileSync(manifestFile, `${JSON.stringify(manifest, null, 2)}\n`)
  for (const name of ['tsconfig.json', 'tsup.config.ts']) {
    const file = join(path, name)
    if (existsSync(file)) writeFileSync(file, readFileSync(file, 'utf8').replaceAll('../../../', '../../'))
  }
  const license = join(path, 'LICENSE')
  if (!existsSync(license)) cpSync(join(root, 'LICENSE'), license)
}

/** @param {string} folder @returns {string[]} */
function filesBelow(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
}
