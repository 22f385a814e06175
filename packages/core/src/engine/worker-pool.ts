import { setTimeout } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import type { CallOptions } from '../contract/context.js'
import { BackupError, type ErrorCode } from '../contract/errors.js'
import type { TransformPlugin } from '../contract/transform.js'
import { chainLink } from '../repository/codec-chain.js'
import { type SlabRing, slabRing } from './slabs.js'
import type { TaskResults, WorkerAnswer, WorkerSetup, WorkerTask } from './worker-tasks.js'

/** Threads that cut, encode and decode, with the ring of memory they share. */
export interface WorkerPool extends AsyncDisposable {
  readonly slabs: SlabRing
  /** Starts the workers and lets them load transforms; what fails is told by the first task that needs it. */
  readonly prepare: (transforms: readonly TransformPlugin[]) => void
  /**
   * Performs a task on the least busy worker. A slab named in it belongs to the worker until this settles.
   *
   * Abort rejects only after the worker is done with the slabs.
   */
  readonly perform: <T extends WorkerTask>(task: T, options: CallOptions) => Promise<TaskResults[T['kind']]>
}

interface PooledWorker {
  readonly thread: Worker
  busy: number
}

/** A worker that has not ended its work by then, in a codec that hangs, is ended as it is. */
const closeLimitMs = 5000

/** Makes a pool; its workers start with the first task, or when they are told to prepare for it. */
export function workerPool(count: number): WorkerPool {
  return poolOver(count, slabRing(count))
}

/** The same workers for both ends of a copy: neither waits for slabs that the other holds. */
export interface CopyPool extends AsyncDisposable {
  readonly reading: WorkerPool
  readonly writing: WorkerPool
}

/** Makes a pool for a copy. */
export function copyPool(count: number): CopyPool {
  const slabs = slabRing(count, count + 1)
  const writing = poolOver(count, slabs)
  const reading = { ...writing, slabs: { ...slabs, inputs: slabs.readings } }
  return { reading, writing, [Symbol.asyncDispose]: () => writing[Symbol.asyncDispose]() }
}

function poolOver(count: number, slabs: SlabRing): WorkerPool {
  const pending = new Map<
    number,
    {
      readonly worker: PooledWorker
      readonly settle: (answer: WorkerAnswer) => void
      readonly reject: (error: unknown) => void
    }
  >()
  let next = 0
  let closed = false
  const dead = new Set<PooledWorker>()

  const onExit = (worker: PooledWorker, reason: unknown) => {
    dead.add(worker)
    const error = closed ? poolClosed() : workerStopped(reason)
    for (const [number, task] of pending) {
      if (task.worker !== worker) continue
      pending.delete(number)
      task.reject(error)
    }
  }

  const start = (): PooledWorker => {
    const setup: WorkerSetup = { memory: slabs.memory }
    const thread = new Worker(new URL('./engine-worker.js', import.meta.url), {
      workerData: setup,
      resourceLimits: { maxYoungGenerationSizeMb: 1 },
    })
    const worker: PooledWorker = { thread, busy: 0 }
    thread.on('message', (answer: WorkerAnswer) => {
      worker.busy--
      const task = pending.get(answer.number)
      pending.delete(answer.number)
      task?.settle(answer)
    })
    thread.on('error', (error) => onExit(worker, error))
    thread.on('exit', (code) => onExit(worker, `exit code ${code}`))
    return worker
  }

  let workers: readonly PooledWorker[] = []
  const started = (): readonly PooledWorker[] => {
    if (workers.length === 0) workers = Array.from({ length: count }, start)
    return workers
  }

  const send = (worker: PooledWorker, task: WorkerTask): Promise<WorkerAnswer> => {
    const number = next++
    worker.busy++
    return new Promise((settle, reject) => {
      pending.set(number, { worker, settle, reject })
      worker.thread.postMessage({ number, task })
    })
  }

  return {
    slabs,
    prepare: (transforms) => {
      const task: WorkerTask = { kind: 'prepare', links: transforms.map(chainLink) }
      if (closed) return
      for (const worker of started()) send(worker, task).catch(() => undefined)
    },
    perform: async <T extends WorkerTask>(task: T, { signal }: CallOptions) => {
      signal.throwIfAborted()
      if (closed) throw poolClosed()
      const [first, ...others] = started().filter((candidate) => !dead.has(candidate))
      if (first === undefined) throw workerStopped(undefined)
      const worker = others.reduce((best, candidate) => (candidate.busy < best.busy ? candidate : best), first)
      const answer = await send(worker, task)
      signal.throwIfAborted()
      if ('failure' in answer) {
        const { code, message, plugin } = answer.failure
        throw new BackupError(code as ErrorCode, message, plugin === undefined ? {} : { plugin })
      }
      return answer.result as TaskResults[T['kind']]
    },
    [Symbol.asyncDispose]: async () => {
      closed = true
      await Promise.all(
        workers.map(async (worker) => {
          // A thread that is ended inside of a native library takes the process with it, so its work may end first.
          if (!dead.has(worker))
            await Promise.race([send(worker, { kind: 'close' }).catch(() => undefined), patience()])
          await worker.thread.terminate()
        }),
      )
    },
  }
}

/** Resolves when a worker has had long enough for any task; keeps no process alive. */
function patience(): Promise<void> {
  return setTimeout(closeLimitMs, undefined, { ref: false })
}

function poolClosed(): BackupError {
  return new BackupError('E_USAGE', 'The worker pool is closed.', {
    hint: 'Dispose a pool after the last call that uses it.',
  })
}

function workerStopped(cause: unknown): BackupError {
  return new BackupError('E_PLUGIN_UNEXPECTED', 'A worker thread stopped; a transform may have crashed it.', { cause })
}
