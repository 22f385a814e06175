/**
 * The parts of the workspace that have import rules of their own. Tests of a part have the part's name with `-test`.
 *
 * @typedef {'contract' | 'engine' | 'formats' | 'filesystems' | 'library' | 'protocol' | 'config' | 'testkit' | 'cli' | 'plugin' | 'example' | 'lab'
 *   | 'engine-test' | 'formats-test' | 'filesystems-test' | 'library-test' | 'protocol-test' | 'config-test' | 'testkit-test' | 'cli-test' | 'plugin-test' | 'lab-test' | 'other'} Zone
 */

const contractFiles = /^packages\/core\/src\/(index\.ts$|contract\/|model\/)/

/** Tells which part of the workspace a file belongs to. @param {string} file Path below the root. @returns {Zone} */
export function zoneOf(file) {
  const [parent = '', name = '', area = ''] = file.split('/')
  if (parent === 'examples') return 'example'
  if (parent === 'plugins') return area === 'src' || file.includes('/src/') ? 'plugin' : 'plugin-test'
  if (parent !== 'packages') return 'other'
  if (contractFiles.test(file)) return 'contract'
  const zone = packageZone(name)
  if (zone === 'other' || area === 'src') return zone
  return `${zone}-test`
}

/** @param {string} name Folder below packages/. */
function packageZone(name) {
  if (name === 'core') return 'engine'
  if (name === 'descriptions' || name === 'machine-files') return 'library'
  if (name.startsWith('protocol-')) return 'protocol'
  if (name === 'lab') return 'lab'
  if (name === 'formats' || name === 'filesystems' || name === 'config' || name === 'testkit' || name === 'cli')
    return name
  return 'other'
}

/** The folder that a file must not reach out of by a relative path. @param {string} file */
export function packageFolder(file) {
  const [parent = '', name = ''] = file.split('/')
  return ['packages', 'plugins', 'examples'].includes(parent) ? `${parent}/${name}/` : ''
}
