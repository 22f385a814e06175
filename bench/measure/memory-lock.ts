import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, statSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { runQuietly } from './run-quietly.ts'

/** How inputs were kept in memory, and how to let go of them. */
export interface MemoryLock extends AsyncDisposable {
  readonly locked: boolean
  /** Why they are not locked. */
  readonly reason?: string
}

/**
 * Locks files in memory with vmtouch, so that a run measures the program and not the disk.
 *
 * Guarantee: if it resolves with `locked: false`, nothing is locked and the caller should read the inputs before each
 * round instead.
 */
export async function lockInMemory(files: readonly string[]): Promise<MemoryLock> {
  if (files.length === 0) return notLocked('there is nothing to lock')
  const neededBytes = files.reduce((sum, file) => sum + statSync(file).size, 0)
  const availableBytes = memoryAvailable()
  // Holes of a sparse file are locked as well, and the programs need memory too.
  if (neededBytes > availableBytes * 0.75) {
    return notLocked(`${toGib(neededBytes)} GiB do not fit into ${toGib(availableBytes)} GiB of free memory`)
  }
  const allowedBytes = await lockableBytes()
  if (neededBytes > allowedBytes) return notLocked(`this user may lock only ${toGib(allowedBytes)} GiB of memory`)
  return startVmtouch(files)
}

/** Reads files from start to end, so that most of them is in the page cache. */
export async function readOnce(files: readonly string[]): Promise<void> {
  for (const file of files) await runQuietly('dd', [`if=${file}`, 'of=/dev/null', 'bs=4M', 'status=none'])
}

function notLocked(reason: string): MemoryLock {
  return { locked: false, reason, [Symbol.asyncDispose]: async () => {} }
}

async function startVmtouch(files: readonly string[]): Promise<MemoryLock> {
  // vmtouch buffers its one line of output for as long as it holds the lock, unless told not to.
  const vmtouch = spawn('stdbuf', ['-oL', 'vmtouch', '-l', '-h', ...files], { stdio: ['ignore', 'pipe', 'inherit'] })
  const closed = once(vmtouch, 'close')
  for await (const line of createInterface(vmtouch.stdout)) {
    if (line.startsWith('LOCKED')) {
      return {
        locked: true,
        async [Symbol.asyncDispose]() {
          vmtouch.kill()
          await closed
        },
      }
    }
  }
  throw new Error(`vmtouch ended without locking ${files.join(' ')}`)
}

function memoryAvailable(): number {
  const line = /^MemAvailable:\s+(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'utf8'))
  return Number(line?.[1] ?? 0) * 1024
}

async function lockableBytes(): Promise<number> {
  if (process.geteuid?.() === 0) return Number.POSITIVE_INFINITY
  const limit = (await runQuietly('sh', ['-c', 'ulimit -l'])).trim()
  return limit === 'unlimited' ? Number.POSITIVE_INFINITY : Number(limit) * 1024
}

function toGib(bytes: number): string {
  return (bytes / 1024 ** 3).toFixed(1)
}
