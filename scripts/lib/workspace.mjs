import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

/**
 * @typedef {object} Manifest
 * @property {string} name
 * @property {string} version
 * @property {boolean} [private]
 * @property {string} [packageManager]
 * @property {{ kind: string, id: string }} [holdfast]
 * @property {Record<string, string>} [scripts]
 * @property {Record<string, string>} [bin]
 * @property {Record<string, string>} [dependencies]
 * @property {Record<string, string>} [devDependencies]
 * @property {Record<string, string>} [peerDependencies]
 *
 * @typedef {object} Member
 * @property {string} folder Path below the root, with forward slashes: `packages/core`.
 * @property {string} path Absolute path.
 * @property {Manifest} manifest
 */

/** The checkout's root folder. */
export const root = resolve(import.meta.dirname, '../..')

const memberParents = ['packages', 'plugins', 'examples']

/** Lists the workspace's members, in order of their folders. @returns {Member[]} */
export function members() {
  const folders = memberParents.flatMap((parent) =>
    existsSync(join(root, parent)) ? readdirSync(join(root, parent)).map((name) => `${parent}/${name}`) : [],
  )
  return [...folders, 'docs']
    .filter((folder) => existsSync(join(root, folder, 'package.json')))
    .sort()
    .map((folder) => ({ folder, path: join(root, folder), manifest: readManifest(join(root, folder)) }))
}

/** Lists the members that are published. @returns {Member[]} */
export function publicMembers() {
  return members().filter((member) => member.manifest.private !== true)
}

/** Reads a folder's package.json. @param {string} path @returns {Manifest} */
export function readManifest(path) {
  return JSON.parse(readFileSync(join(path, 'package.json'), 'utf8'))
}
