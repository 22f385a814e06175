import { createHash } from 'node:crypto'
import { hostname } from 'node:os'
import type { SnapshotNode } from './snapshot-tree.js'

/**
 * Names of our snapshots say whose they are: `holdfast-<host>-<process>-<random>`, the host as eight hex digits of the SHA-256 of its
 * name.
 */
const namePattern = /^holdfast-(?<host>[0-9a-f]{8})-(?<pid>\d{1,10})-[0-9a-f]{8}$/

/** A snapshot of another host, of which nobody here can tell whether its run lives, is left alone for so long. */
const abandonedAfterMs = 24 * 3600 * 1000

/** Names a snapshot of this process. */
export function snapshotName(random: string): string {
  return `holdfast-${ownHost()}-${process.pid}-${random}`
}

/** Whose a snapshot is: somebody else's business, of a run that lives, or left behind by one that died. */
export function ownership({ name, createdAt }: SnapshotNode, now: Date): 'foreign' | 'busy' | 'orphaned' {
  const { host, pid } = namePattern.exec(name)?.groups ?? {}
  if (host === undefined) return 'foreign'
  if (now.getTime() - createdAt.getTime() > abandonedAfterMs) return 'orphaned'
  if (host !== ownHost()) return 'busy'
  return isRunning(Number(pid)) ? 'busy' : 'orphaned'
}

function ownHost(): string {
  return createHash('sha256').update(hostname()).digest('hex').slice(0, 8)
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    // Somebody else's process is one, too.
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
