// The guard as a process of its own: it outlives the one that started it, and thaws when that one dies.
import { setTimeout as delay } from 'node:timers/promises'
import { runGuard } from './guard.js'
import { type FromGuard, type GuardRequest, readToGuard, type ThawCause } from './guard-messages.js'

/** An owner that reads no more must not keep this process. */
const longestSendMs = 1000

await main()
process.exit()

async function main(): Promise<void> {
  const stop = new AbortController()
  const gone = () => stop.abort('gone' satisfies ThawCause)
  process.on('disconnect', gone)
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, gone)
  if (!process.connected) gone()
  const request = await nextRequest(stop)
  if (request === undefined) return
  let told = Promise.resolve()
  const tell = (message: FromGuard) => {
    told = told.then(() => send(message))
  }
  await runGuard(request, { tell, stop: stop.signal })
  await told
}

/** Resolves with undefined where the owner is gone first; a request to thaw stops what goes on by then. */
function nextRequest(stop: AbortController): Promise<GuardRequest | undefined> {
  return new Promise((resolve) => {
    stop.signal.addEventListener('abort', () => resolve(undefined), { once: true })
    if (stop.signal.aborted) resolve(undefined)
    process.on('message', (value) => {
      const message = readToGuard(value)
      if (message?.kind === 'freeze') resolve(message.request)
      else if (message?.kind === 'thaw') stop.abort('asked' satisfies ThawCause)
    })
  })
}

async function send(message: FromGuard): Promise<void> {
  const sent = new Promise<void>((resolve) => {
    // Without an owner there is nobody to tell; the guest is thawed all the same.
    if (!process.connected || process.send === undefined) resolve()
    else process.send(message, undefined, undefined, () => resolve())
  })
  await Promise.race([sent, delay(longestSendMs)])
}
