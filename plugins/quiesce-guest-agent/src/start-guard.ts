import { fork } from 'node:child_process'
import { type FromGuard, type GuardRequest, readFromGuard, type ToGuard } from './guard-messages.js'

/** The process that freezes one guest and sees to it that it is thawed. None of its promises rejects. */
export interface Guard {
  /** How the freeze went. */
  readonly frozen: Promise<Extract<FromGuard, { kind: 'frozen' | 'failed' }> | GuardEnded>
  /** How the thaw went, whatever caused it; `untouched` where the agent was never told to freeze. Pending until then. */
  readonly thawed: Promise<
    Extract<FromGuard, { kind: 'thawed' | 'not-thawed' }> | { readonly kind: 'untouched' } | GuardEnded
  >
  /** Asks for the thaw. */
  readonly thaw: () => void
  /** Lets go of the process: it thaws, if it has not, and ends by itself. */
  readonly leave: () => void
}

/** The process ended without a word. */
export interface GuardEnded {
  readonly kind: 'ended'
  readonly reason: string
}

/** Starts a guard; it freezes at once. */
export function startGuard(request: GuardRequest): Guard {
  const frozen = Promise.withResolvers<Awaited<Guard['frozen']>>()
  const thawed = Promise.withResolvers<Awaited<Guard['thawed']>>()
  const child = fork(new URL('./guard-main.js', import.meta.url), [], {
    // A session of its own: Ctrl-C and Ctrl-Z of a terminal reach the run and not the guard.
    detached: true,
    // Neither secrets nor NODE_OPTIONS; no pipe that somebody may wait for; no folder that cannot be unmounted.
    env: {},
    execArgv: [],
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    cwd: '/',
  })
  const tell = (message: ToGuard) => {
    // A guard that is gone is known by its end.
    if (child.connected) child.send(message, () => undefined)
  }
  const end = (reason: string) => {
    frozen.resolve({ kind: 'ended', reason })
    thawed.resolve({ kind: 'ended', reason })
  }
  child.on('error', (error) => end(`cannot be reached: ${error.message}`))
  child.once('exit', (code, signal) => end(signal === null ? `ended with code ${code}` : `was ended by ${signal}`))
  child.on('message', (value) => {
    const message = readFromGuard(value)
    if (message === undefined) return
    if (message.kind === 'thawed' || message.kind === 'not-thawed') thawed.resolve(message)
    else frozen.resolve(message)
    if (message.kind === 'failed' && !message.wasSent) thawed.resolve({ kind: 'untouched' })
  })
  tell({ kind: 'freeze', request })

  return {
    frozen: frozen.promise,
    thawed: thawed.promise,
    thaw: () => tell({ kind: 'thaw' }),
    leave: () => {
      if (child.connected) child.disconnect()
      child.unref()
    },
  }
}
