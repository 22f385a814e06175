import { spawn } from 'node:child_process'
import type { CallOptions, Clock, Logger } from '@holdfast/core'

/** A request for a cartridge. */
export interface MediaRequest {
  /** Waits a moment, so that the library can be looked at again; `false` when the time is over. */
  readonly wait: (options: CallOptions) => Promise<boolean>
}

/** Begins a request for a cartridge of a pool; nothing is asked before the first `wait`. */
export type AskForMedia = (pool: string) => MediaRequest

/** How to ask. */
export interface AskOptions {
  /** How long to wait for somebody to bring a cartridge. */
  readonly waitMs: number
  /** Program with its arguments that is started when one is needed; it gets HOLDFAST_POOL. */
  readonly command: readonly string[] | undefined
  readonly clock: Clock
  readonly logger: Logger
}

/** How often the library is looked at meanwhile. */
const pollMs = 5_000

/** Asks people. */
export function askForMedia({ waitMs, command, clock, logger }: AskOptions): AskForMedia {
  return (pool) => {
    let since: number | undefined
    return {
      wait: async (options) => {
        const now = clock.now().getTime()
        if (since === undefined) {
          since = now
          if (waitMs > 0) logger.warn(`waiting for a cartridge of pool ${pool}`, { pool })
          start(command, pool, logger)
        }
        const leftMs = since + waitMs - now
        if (leftMs <= 0) return false
        await clock.sleep(Math.min(pollMs, leftMs), options)
        return true
      },
    }
  }
}

function start(command: readonly string[] | undefined, pool: string, logger: Logger): void {
  const [program, ...args] = command ?? []
  if (program === undefined) return
  const child = spawn(program, args, { env: { ...process.env, HOLDFAST_POOL: pool }, stdio: 'ignore' })
  // Whoever is told this way may take his time; the run does not wait for it, nor end because of it.
  child.unref()
  child.once('error', (error) =>
    logger.warn(`The command that asks for a cartridge failed: ${error.message}`, { pool }),
  )
}
