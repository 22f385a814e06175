import { readdir, readFile } from 'node:fs/promises'
import type { Clock } from '@holdfast/core'

/** Time between asking a program to end and ending it. */
const graceMs = 2000

const pollMs = 40

/**
 * Ends every process of a group: TERM, and KILL after two seconds.
 *
 * Guarantee: resolves once none runs, or after four seconds; `false` says that some could not be ended.
 */
export async function endGroup(groupId: number, clock: Clock): Promise<boolean> {
  signalGroup(groupId, 'SIGTERM')
  if (await groupEnds(groupId, clock)) return true
  signalGroup(groupId, 'SIGKILL')
  return await groupEnds(groupId, clock)
}

async function groupEnds(groupId: number, clock: Clock): Promise<boolean> {
  // Ending a script must not be cut short, whatever is aborted.
  const { signal } = new AbortController()
  for (let waitedMs = 0; waitedMs < graceMs; waitedMs += pollMs) {
    if (!(await groupRuns(groupId))) return true
    await clock.sleep(pollMs, { signal })
  }
  return !(await groupRuns(groupId))
}

/** Tells whether a process of the group runs; those that ended and that nobody collects (containers) do not count. */
async function groupRuns(groupId: number): Promise<boolean> {
  const presence = signalGroup(groupId, 0)
  if (presence !== 'present') return presence === 'foreign'
  let processes: readonly string[]
  try {
    processes = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return true
    throw error
  }
  for (const id of processes) {
    const status = await statusOf(id)
    if (status !== undefined && status.groupId === groupId && status.state !== 'Z' && status.state !== 'X') return true
  }
  return false
}

/** Reads proc_pid_stat(5): `id (name) state parent group …`, where the name may hold anything. */
async function statusOf(id: string): Promise<{ readonly state: string; readonly groupId: number } | undefined> {
  try {
    const text = await readFile(`/proc/${id}/stat`, 'latin1')
    const [state = '', , group] = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return { state, groupId: Number(group) }
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === 'ENOENT' || errno === 'ESRCH' || errno === 'EACCES') return undefined
    throw error
  }
}

/** Signals a group. `foreign`: its processes belong to another user (sudo). */
function signalGroup(groupId: number, signal: NodeJS.Signals | 0): 'present' | 'foreign' | 'gone' {
  try {
    process.kill(-groupId, signal)
    return 'present'
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === 'ESRCH') return 'gone'
    if (errno === 'EPERM') return 'foreign'
    throw error
  }
}

function errnoOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
}
