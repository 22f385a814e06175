import { readdirSync, readlinkSync } from 'node:fs'

/** Files below `folder` that this process holds open. */
export function openFiles(folder: string): string[] {
  const targets = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`)
    } catch {
      return ''
    }
  })
  return targets.filter((target) => target.startsWith(folder))
}

/** Everything in a folder, and what of it this process holds open. */
export function folderAndOpenFiles(folder: string): Promise<readonly string[]> {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  return Promise.resolve([...files, ...openFiles(folder).map((target) => `open: ${target}`)])
}
