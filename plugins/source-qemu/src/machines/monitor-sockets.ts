import { readdir, stat } from 'node:fs/promises'
import { dirname, sep } from 'node:path'
import { sourceError } from '../errors.js'

/** The path of a machine's monitor. */
export function monitorPath(pattern: string, machine: string): string {
  return pattern.replace('{name}', () => machine)
}

/** Lists the machines whose sockets fit a pattern, in order of their names. @throws BackupError `E_SOURCE_UNAVAILABLE`, `E_SOURCE_DENIED` */
export async function monitoredMachines(pattern: string): Promise<readonly string[]> {
  const at = pattern.indexOf('{name}')
  const folder = dirname(`${pattern.slice(0, at)}x`)
  const before = pattern.slice(folder.length, at).replace(sep, '')
  const rest = pattern.slice(at + '{name}'.length)
  const [after = ''] = rest.split(sep)
  const entries = await readdir(folder).catch((cause: unknown) => {
    throw folderError(folder, cause)
  })
  const names = entries
    .filter((name) => name.length > before.length + after.length && name.startsWith(before) && name.endsWith(after))
    .map((name) => name.slice(before.length, name.length - after.length))
    .sort()
  const sockets = await Promise.all(names.map((name) => isSocket(monitorPath(pattern, name))))
  return names.filter((_, i) => sockets[i] === true)
}

async function isSocket(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isSocket()
  } catch {
    // Gone meanwhile, or of another user: no machine of ours.
    return false
  }
}

/** The error of a folder that cannot be listed. */
export function folderError(folder: string, cause: unknown): Error {
  const code: unknown = typeof cause === 'object' && cause !== null && 'code' in cause ? cause.code : undefined
  const denied = code === 'EACCES' || code === 'EPERM'
  return sourceError(
    denied ? 'E_SOURCE_DENIED' : 'E_SOURCE_UNAVAILABLE',
    `${folder} cannot be listed${typeof code === 'string' ? ` (${code})` : ''}.`,
    {
      operation: 'source.discover',
      context: { folder },
      hint: 'Check the path in the options, and that Holdfast may read that folder.',
      cause,
    },
  )
}
