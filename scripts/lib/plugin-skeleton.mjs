import { cpSync, existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { readManifest } from './workspace.mjs'

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
  if (!legalId.test(id) || id.length > 63) {
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
  const placeholder = readManifest(template).holdfast?.id
  if (placeholder === undefined) throw new Error(`${template}/package.json has no holdfast.id`)
  const rename = renaming(placeholder, kind, id)
  for (const file of filesBelow(path)) {
    writeFileSync(file, rename(readFileSync(file, 'utf8'), file))
    renameSync(file, join(dirname(file), rename(basename(file), file)))
  }
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

/**
 * Makes the function that puts a plugin's name where the template has its placeholder (`acme`), in each spelling.
 *
 * @param {string} placeholder @param {string} kind @param {string} id
 * @returns {(text: string, file: string) => string}
 */
function renaming(placeholder, kind, id) {
  const capital = placeholder.slice(0, 1).toUpperCase() + placeholder.slice(1)
  const words = id.split('-').map((word) => word.slice(0, 1).toUpperCase() + word.slice(1))
  const pascal = words.join('')
  const camel = pascal.slice(0, 1).toLowerCase() + pascal.slice(1)
  return (text, file) =>
    text
      .replaceAll(`holdfast-${kind}-${placeholder}`, `@holdfast/${kind}-${id}`)
      .replaceAll(new RegExp(`${placeholder}(?=[A-Z])`, 'g'), camel)
      .replaceAll(placeholder, id)
      .replaceAll(placeholder.toUpperCase(), id.toUpperCase().replaceAll('-', '_'))
      .replaceAll(capital, file.endsWith('.ts') ? pascal : words.join(' '))
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
