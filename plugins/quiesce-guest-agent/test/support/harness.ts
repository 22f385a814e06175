import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { BackupError, CallOptions, MachineRef, QuiesceSession } from '@holdfast/core'
import { type FakeGuestAgent, type FakeGuestAgentOptions, fakeGuestAgent } from '@holdfast/protocol-qmp/testing'
// The built package: a freeze runs in a process of its own, which only a build has.
import { type GuestAgentQuiesceOptions, guestAgentQuiesce } from '@holdfast/quiesce-guest-agent'
import { testContext } from '@holdfast/testkit'
import { tempFolder } from 'holdfast-lab'
import { onTestFinished } from 'vitest'
import { oneClientChannel } from './one-client-channel.js'

export const call: CallOptions = { signal: new AbortController().signal }
// Ids are branded; a test makes one where a source would.
export const machine: MachineRef = { id: 'id-1' as MachineRef['id'], name: 'db' }

/** A fake agent on the socket of the machine above, and an open hook for it. */
export async function hookOf(
  fake: FakeGuestAgentOptions = {},
  options: Partial<GuestAgentQuiesceOptions> = {},
): Promise<{ readonly agent: FakeGuestAgent; readonly session: QuiesceSession; readonly folder: string }> {
  const { path: folder } = tempFolder(onTestFinished)
  const agent = fakeGuestAgent(fake)
  const channel = await oneClientChannel(agent, join(folder, 'db.agent'))
  onTestFinished(async () => {
    await channel[Symbol.asyncDispose]()
    await agent[Symbol.asyncDispose]()
  })
  return { agent, session: await openHook(folder, options), folder }
}

/** Opens a hook whose sockets are in a folder. */
export async function openHook(
  folder: string,
  options: Partial<GuestAgentQuiesceOptions> = {},
): Promise<QuiesceSession> {
  const hook = guestAgentQuiesce({
    ...(options.sockets === undefined && { socket: './{name}.agent' }),
    timeout: '2s',
    ...options,
  })
  const session = await hook.open({ ...testContext({ tempDir: folder }), baseDir: folder })
  onTestFinished(() => session[Symbol.asyncDispose]())
  return session
}

/** The commands that came, in order. */
export function commands({ calls }: FakeGuestAgent): readonly string[] {
  return calls.map(({ command }) => command.replace('guest-fsfreeze-', ''))
}

export function errorOf(promise: Promise<unknown>): Promise<BackupError> {
  return promise.then(
    () => {
      throw new Error('it should have failed')
    },
    (error: BackupError) => error,
  )
}

/** Waits until something is so. */
export async function until(isSo: () => boolean | Promise<boolean>, timeoutMs = 10_000): Promise<void> {
  for (const endsAt = performance.now() + timeoutMs; !(await isSo()); await delay(20)) {
    if (performance.now() > endsAt) throw new Error(`not so within ${timeoutMs} ms`)
  }
}

/** The guards that a process started and that run (proc_pid_stat(5): parent and state follow the name). */
export async function guardsOf(parent: number): Promise<readonly number[]> {
  const ids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const found = await Promise.all(
    ids.map(async (id) => {
      const command = await readFile(`/proc/${id}/cmdline`, 'latin1').catch(() => '')
      const stat = await readFile(`/proc/${id}/stat`, 'latin1').catch(() => '')
      const [state, owner] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      return command.includes('guard-main') && state !== 'Z' && Number(owner) === parent ? [Number(id)] : []
    }),
  )
  return found.flat()
}
