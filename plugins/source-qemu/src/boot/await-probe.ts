import { setTimeout as delay } from 'node:timers/promises'
import type { BackupError, BootProbe } from '@holdfast/core'
import { connectGuestAgent, type GuestAgent, isQmpError } from '@holdfast/protocol-qmp'
import type { SerialLines } from './serial-lines.js'

/** A machine that starts. */
export interface StartingMachine {
  readonly console: SerialLines
  readonly agentPath: string
  /** Resolves when QEMU has ended, with what it complained of. */
  readonly ended: Promise<string>
  /** Makes the error of a machine that does not come up. */
  readonly failed: (why: string, seen?: string) => BackupError
}

const askAgainMs = 250
/** A guest without an agent, or not that far yet, says nothing. */
const agentPatienceMs = 2000

/** Waits for the probe and resolves with what it saw. @throws BackupError `E_BOOT`; the signal's reason */
export async function awaitProbe(probe: BootProbe, machine: StartingMachine, signal: AbortSignal): Promise<string> {
  const over = new AbortController()
  const late = delay(probe.timeoutMs, undefined, { signal: over.signal }).then(() => {
    throw machine.failed(`did not come up within ${probe.timeoutMs / 1000} s.`)
  })
  const gone = machine.ended.then((complaints) => {
    throw machine.failed('ended.', `${machine.console.seen()}\n${complaints}`)
  })
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true, signal: over.signal })
  })
  const losers: readonly Promise<never>[] = [late, gone, aborted]
  for (const loser of losers) loser.catch(() => undefined)
  try {
    return await Promise.race([answerOf(probe, machine, over.signal), ...losers])
  } finally {
    over.abort()
  }
}

async function answerOf(probe: BootProbe, machine: StartingMachine, over: AbortSignal): Promise<string> {
  if (probe.kind === 'serial') return await machine.console.match(probe.pattern)
  await using agent = await answeringAgent(machine.agentPath, over)
  if (probe.kind === 'agent') {
    const { version } = await agent.info({ signal: over })
    return `The agent ${version} answers.`
  }
  const { exitCode, stdout, stderr } = await agent.exec(
    { ...(await shellOf(agent, probe.command, over)), captureOutput: true },
    { signal: over, timeoutMs: probe.timeoutMs },
  )
  const output = Buffer.concat([stdout, stderr]).toString()
  if (exitCode === 0) return output.trim() === '' ? 'The command ended with exit code 0.' : output
  throw machine.failed(`is up, but the command ended with exit code ${exitCode ?? 'none'}.`, output)
}

/** Asks until the agent is there. What it was asked before it was is answered later, and known to be stale. */
async function answeringAgent(path: string, over: AbortSignal): Promise<GuestAgent> {
  for (;;) {
    over.throwIfAborted()
    try {
      const agent = await connectGuestAgent({ path }, { signal: over, timeoutMs: agentPatienceMs })
      try {
        await agent.ping({ signal: over, timeoutMs: agentPatienceMs })
        return agent
      } catch (error) {
        await agent[Symbol.asyncDispose]()
        throw error
      }
    } catch (error) {
      if (!isQmpError(error)) throw error
    }
    await delay(askAgainMs, undefined, { signal: over })
  }
}

async function shellOf(agent: GuestAgent, command: string, signal: AbortSignal) {
  const system = await agent.execute('guest-get-osinfo', undefined, { signal }).catch(() => undefined)
  const isWindows = typeof system === 'object' && system !== null && 'id' in system && system.id === 'mswindows'
  return isWindows ? { path: 'cmd.exe', args: ['/c', command] } : { path: '/bin/sh', args: ['-c', command] }
}
