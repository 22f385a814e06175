import { createHash } from 'node:crypto'
import { Worker } from 'node:worker_threads'

/** Computes digests beside everything else: the thread that talks to the drive has no time for large ones. */
export interface DigestThread {
  /** SHA-256 in hex. What is large and in shared memory is not computed in this thread. */
  readonly sha256: (bytes: Uint8Array) => Promise<string>
  readonly close: () => Promise<void>
}

/** What the thread is asked. */
export interface DigestRequest {
  readonly number: number
  readonly bytes: Uint8Array
}

/** What it answers. */
export interface DigestAnswer {
  readonly number: number
  readonly sha256: string
}

/** Below, asking takes longer than computing. */
const largeBytes = 2 ** 20

/** Makes it; the thread starts when it is needed first. */
export function digestThread(): DigestThread {
  const waiting = new Map<number, PromiseWithResolvers<string>>()
  let worker: Worker | undefined
  let asked = 0
  const fail = (error: unknown) => {
    worker = undefined
    for (const { reject } of waiting.values()) reject(error)
    waiting.clear()
  }
  const start = (): Worker => {
    // Tests run from sources.
    const ending = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
    const started = new Worker(new URL(`./digest-worker.${ending}`, import.meta.url), {
      resourceLimits: { maxYoungGenerationSizeMb: 1 },
    })
    started.on('message', ({ number, sha256 }: DigestAnswer) => {
      waiting.get(number)?.resolve(sha256)
      waiting.delete(number)
      if (waiting.size === 0) started.unref()
    })
    started.on('error', fail)
    started.on('exit', () => fail(new Error('The thread that computes digests has ended.')))
    return started
  }
  return {
    sha256: async (bytes) => {
      if (bytes.length < largeBytes || !(bytes.buffer instanceof SharedArrayBuffer))
        return createHash('sha256').update(bytes).digest('hex')
      worker ??= start()
      const request: DigestRequest = { number: ++asked, bytes }
      const answer = Promise.withResolvers<string>()
      waiting.set(request.number, answer)
      worker.ref()
      worker.postMessage(request)
      return await answer.promise
    },
    close: async () => {
      await worker?.terminate()
    },
  }
}
