import { resolve } from 'node:path'
import {
  type CallOptions,
  type Consistency,
  type FreezeResult,
  type MachineRef,
  type PluginContext,
  parseDurationMs,
  type QuiesceSession,
  strongerConsistency,
} from '@holdfast/core'
import { type Executable, findExecutable } from './executable.js'
import { lineScanner } from './line-scanner.js'
import type { ScriptQuiesceOptions } from './options.js'
import { outputTail, printable } from './output-tail.js'
import { type Outcome, runProgram } from './run-program.js'
import { type Failed, failure, failureOf, type Phase, startFailure } from './script-failure.js'

/** What both commands of an opened hook share. */
interface Script {
  readonly context: PluginContext
  readonly executables: Readonly<Record<Phase, Executable>>
  readonly cwd: string
  readonly timeoutMs: number
  readonly environment: Readonly<Record<string, string>>
  readonly secrets: readonly string[]
  readonly consistency: Consistency
}

/** Opens a hook: finds both programs and resolves the secrets, so that a thaw cannot fail for want of either. */
export async function openScript(options: ScriptQuiesceOptions, context: PluginContext): Promise<QuiesceSession> {
  context.signal.throwIfAborted()
  const { baseDir } = context
  const executables = {
    freeze: await findExecutable('freeze', options.freeze, baseDir),
    thaw: await findExecutable('thaw', options.thaw, baseDir),
  }
  const script: Script = {
    context,
    executables,
    cwd: resolve(baseDir, options.cwd ?? '.'),
    timeoutMs: parseDurationMs(options.timeout ?? '30s'),
    consistency: options.consistency ?? 'application',
    ...(await resolvedEnvironment(options, context)),
  }
  return {
    freeze: (machine, call) => freeze(script, machine, call),
    thaw: (machine, call) => thaw(script, machine, call),
    [Symbol.asyncDispose]: async () => undefined,
  }
}

async function freeze(script: Script, machine: MachineRef, { signal }: CallOptions): Promise<FreezeResult> {
  let printed: string | undefined
  let detail = ''
  const failed = await run(script, 'freeze', machine, signal, (line) => {
    const match = /^consistency=(.*)$/.exec(line.trimEnd())
    if (match !== null) printed = match[1]
    else if (line.trim() !== '') detail = line
  })
  const consistency = reached(script, printed, failed)
  const text = printable(detail, script.secrets).trim().slice(0, 300)
  return text === '' ? { consistency } : { consistency, detail: text }
}

async function thaw(script: Script, machine: MachineRef, { signal }: CallOptions): Promise<void> {
  await run(script, 'thaw', machine, signal, () => undefined)
}

async function run(
  script: Script,
  phase: Phase,
  machine: MachineRef,
  signal: AbortSignal,
  onLine: (line: string) => void,
): Promise<Failed> {
  const { context, executables, cwd, timeoutMs, secrets } = script
  const executable = executables[phase]
  const output = outputTail(secrets)
  const lines = lineScanner(onLine)
  const failed: Failed = { phase, machine, file: executable.file, output, timeoutMs }
  const environment = {
    ...script.environment,
    HOLDFAST_MACHINE_ID: machine.id,
    HOLDFAST_MACHINE_NAME: machine.name,
    HOLDFAST_PHASE: phase,
  }
  const onStdout = (bytes: Buffer) => {
    output.add(bytes)
    lines.add(bytes)
  }
  let outcome: Outcome
  try {
    outcome = await runProgram(
      { executable, cwd, environment, timeoutMs, onStdout, onStderr: output.add },
      context.clock,
      signal,
    )
  } catch (error) {
    signal.throwIfAborted()
    throw startFailure(error, failed)
  }
  lines.end()
  const error = failureOf(outcome, failed)
  if (error !== undefined) throw error
  return failed
}

function reached(script: Script, printed: string | undefined, failed: Failed): Consistency {
  if (printed === undefined) return script.consistency
  if (printed !== 'application' && printed !== 'filesystem' && printed !== 'crash') {
    throw failure('E_FREEZE', `printed 'consistency=${printable(printed, script.secrets)}', which is none`, failed, {
      hint: 'Print consistency=application, consistency=filesystem or consistency=crash.',
    })
  }
  if (strongerConsistency(script.consistency, printed) === script.consistency) return printed
  script.context.logger.warn("the freeze command claims more than the option 'consistency' allows; the option holds", {
    printed,
    consistency: script.consistency,
  })
  return script.consistency
}

async function resolvedEnvironment(options: ScriptQuiesceOptions, { signal, resolveSecret }: PluginContext) {
  const environment: Record<string, string> = {}
  const secrets: string[] = []
  for (const name of ['PATH', 'HOME', 'LANG']) {
    const value = process.env[name]
    if (value !== undefined) environment[name] = value
  }
  for (const [name, value] of Object.entries(options.environment ?? {})) {
    if (typeof value === 'string') {
      environment[name] = value
      continue
    }
    const secret = (await resolveSecret(value, { signal })).reveal()
    environment[name] = secret
    secrets.push(secret)
  }
  return { environment, secrets }
}
