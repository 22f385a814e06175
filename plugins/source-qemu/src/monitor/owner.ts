import { readFileSync } from 'node:fs'

/**
 * Names the process that put something into QEMU: its number, and when it began, for numbers are used again.
 *
 * QEMU allows 31 characters for the name of a node, and this leaves 13 of them.
 */
export type Owner = string

/** The owner that this process is. */
export function ownOwner(): Owner {
  return ownerOf(process.pid)
}

/** The owner that a running process is. */
export function ownerOf(pid: number): Owner {
  return `${pid}-${startOf(pid) ?? '0'}`
}

/** Tells whether the process behind an owner still runs on this host. */
export function isRunning(owner: Owner): boolean {
  const [pid = '', start = ''] = owner.split('-')
  const now = startOf(Number(pid))
  return now !== undefined ? now === start : start === '0' && exists(Number(pid))
}

/** When a process began, in ticks since the host's start; undefined when there is none, or on a system that does not tell. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The second field is the program's name in brackets, and may hold anything.
    const ticks = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
    return Number(ticks).toString(36)
  } catch {
    return undefined
  }
}

function exists(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
