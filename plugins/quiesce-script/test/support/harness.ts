import { chmod, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type CallOptions, type Logger, type MachineRef, type PluginContext, secretValue } from '@holdfast/core'
import { testContext as hostContext } from '@holdfast/testkit'
import { tempFolder } from 'holdfast-lab'
import { onTestFinished } from 'vitest'
import { type ScriptQuiesceOptions, scriptQuiesce } from '../../src/index.js'

export const call: CallOptions = { signal: new AbortController().signal }
// Ids are branded; a test makes one where a source would.
export const machine: MachineRef = { id: 'id-1' as MachineRef['id'], name: 'db 1; rm -rf $HOME' }

export function testContext(
  baseDir: string,
  overrides: Partial<PluginContext> = {},
): PluginContext & { readonly logged: string[] } {
  const logged: string[] = []
  const log = (message: string) => void logged.push(message)
  const logger: Logger = { trace: log, debug: log, info: log, warn: log, error: log, fatal: log }
  const resolveSecret = async () => secretValue('hunter2')
  return { ...hostContext({ tempDir: baseDir, logger }), resolveSecret, ...overrides, logged }
}

/** A folder with shell scripts of the given bodies, removed after the test. */
export async function folderWith(scripts: Readonly<Record<string, string>>): Promise<string> {
  const { path: folder } = tempFolder(onTestFinished)
  for (const [name, body] of Object.entries(scripts)) {
    await writeFile(join(folder, name), `#!/bin/sh\n${body}\n`)
    await chmod(join(folder, name), 0o700)
  }
  return folder
}

/** Opens a hook whose freeze and thaw are shell scripts of these bodies. */
export async function hookOf(
  scripts: { readonly freeze?: string; readonly thaw?: string },
  options: Partial<ScriptQuiesceOptions> = {},
  overrides: Partial<PluginContext> = {},
) {
  const folder = await folderWith({ 'freeze.sh': scripts.freeze ?? 'true', 'thaw.sh': scripts.thaw ?? 'true' })
  const context = testContext(folder, overrides)
  const session = await scriptQuiesce({ freeze: './freeze.sh', thaw: './thaw.sh', ...options }).open(context)
  return { session, folder, context, read: (name: string) => readFile(join(folder, name), 'utf8') }
}

/** Tells whether a process is there and no zombie. */
export async function isRunning(pid: number): Promise<boolean> {
  try {
    return !/^State:\s+Z/m.test(await readFile(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

/** Waits until a file holds a number, and returns it. */
export async function pidIn(folder: string, name: string): Promise<number> {
  for (let tries = 0; tries < 200; tries++) {
    const text = await readFile(join(folder, name), 'utf8').catch(() => '')
    if (text.endsWith('\n')) return Number(text)
    await sleep(10)
  }
  throw new Error(`${name} never appeared`)
}
