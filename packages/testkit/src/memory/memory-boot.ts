import { setTimeout as sleep } from 'node:timers/promises'
import {
  type BootedMachine,
  type BootProbe,
  bootFailed,
  type CallOptions,
  checkBootProbe,
  serialPatternMatches,
  untilAborted,
} from '@holdfast/core'
import { memoryDisk } from './memory-disk.js'
import type { GuestDisks, MemoryGuest } from './memory-guest.js'
import type { KeptMachine } from './memory-machines.js'

/** What is needed to start a machine in memory. */
export interface MemoryBootHost {
  readonly plugin: string
  readonly guest: MemoryGuest
  /** Names of what runs. */
  readonly open: Set<string>
}

/** What is kept of a console. */
const maxSeen = 16_384
const lookAgainMs = 5

/** Starts a machine in memory over its disks, which stay as they are, and waits for the probe. */
export async function bootInMemory(
  { plugin, guest, open }: MemoryBootHost,
  { machine, disks }: KeptMachine,
  probe: BootProbe,
  { signal }: CallOptions,
): Promise<BootedMachine> {
  signal.throwIfAborted()
  checkBootProbe(probe)
  const startedAt = performance.now()
  const running = `running ${machine.name}`
  const own: GuestDisks = new Map([...disks].map(([id, disk]) => [id, memoryDisk(disk.peek().image)]))
  const power = new AbortController()
  const console = startConsole(guest, own, power.signal)
  open.add(running)
  const stop = async () => {
    power.abort(new Error('stopped'))
    open.delete(running)
  }
  const failed = (why: string, seen = console.seen()) => bootFailed(plugin, probe, `${machine.name} ${why}`, seen)
  try {
    const isLate = () => performance.now() - startedAt > probe.timeoutMs
    for (;;) {
      const answer = probe.kind === 'serial' ? undefined : guest.execute?.(commandOf(probe), own)
      if (answer !== undefined && answer.exitCode !== 0)
        throw failed(`is up, but the command ended with exit code ${answer.exitCode}.`, answer.output)
      const evidence = answer?.output ?? (probe.kind === 'serial' ? console.match(probe.pattern) : undefined)
      if (evidence !== undefined)
        return { bootMs: performance.now() - startedAt, evidence, [Symbol.asyncDispose]: stop }
      if (console.hasEnded()) throw failed('ended.')
      if (isLate()) throw failed(`did not come up within ${probe.timeoutMs / 1000} s.`)
      await sleep(lookAgainMs)
      signal.throwIfAborted()
    }
  } catch (error) {
    await stop()
    throw error
  }
}

function commandOf(probe: Exclude<BootProbe, { readonly kind: 'serial' }>): string {
  return probe.kind === 'agent' ? 'echo the agent answers' : probe.command
}

interface GuestConsole {
  readonly seen: () => string
  /** All that was printed, when one of its lines fits. */
  readonly match: (pattern: string) => string | undefined
  readonly hasEnded: () => boolean
}

function startConsole(guest: MemoryGuest, disks: GuestDisks, power: AbortSignal): GuestConsole {
  let seen = ''
  let ended = false
  const follow = async () => {
    for await (const piece of untilAborted(guest.serial(disks, { signal: power }), power))
      seen = (seen + piece).slice(-maxSeen)
  }
  const end = () => {
    ended = true
  }
  follow().then(end, end)
  return {
    seen: () => seen,
    match: (pattern) =>
      seen.split(/\r\n|\r|\n/).some((line) => serialPatternMatches(pattern, line)) ? seen : undefined,
    hasEnded: () => ended,
  }
}
