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
  sendSignal(-groupId, 'SIGTERM')
  if (await groupEnds(groupId, clock)) return true
  sendSignal(-groupId, 'SIGKILL')
  return await groupEnds(groupId, clock)
}

async function groupEnds(groupId: number, clock: Clock): Promise<boolean> {
  // Ending a script must not be cut short, whatever is aborted.
  const { signal } = new AbortController()
  const deadline = clock.now().getTime() + graceMs
  for (;;) {
    if (!(await groupRuns(groupId))) return true
    if (clock.now().getTime() >= deadline) return false
    await clock.sleep(pollMs, { signal })
  }
}

/** Tells whether a process of the group runs; those that ended and that nobody collects (containers) do not count. */
async function groupRuns(groupId: number): Promise<boolean> {
  const presence = sendSignal(-groupId, 0)
  if (presence !== 'present') return presence === 'foreign'
  // Node collects the leader itself, so it counts for as long as it is there.
  if (sendSignal(groupId, 0) !== 'gone') return true
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

/** Signals a process or, by a negative id, a group. `foreign`: it belongs to another user (sudo). */
function sendSignal(id: number, signal: NodeJS.Signals | 0): 'present' | 'foreign' | 'gone' {
  try {
    process.kill(id, signal)
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
