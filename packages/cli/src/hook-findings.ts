import type { MachineRef, Pipeline, QuiescePlugin } from '@holdfast/core'
import { checkFacets, type QuiesceSession, sessionFacets } from '@holdfast/core'
import { type EngineHost, pluginContext } from '@holdfast/core/engine'
import type { Finding } from './finding.js'
import { errorDocument } from './render/errors.js'
import { counted } from './render/units.js'

/** How to look at hooks. */
export interface HookExamination {
  readonly host: EngineHost
  /** Thaw what is frozen. */
  readonly thaw: boolean
  readonly signal: AbortSignal
}

/** Finds machines that stand frozen, by the hooks that can tell. */
export async function hookFindings(
  pipeline: Pipeline,
  machines: readonly MachineRef[],
  examination: HookExamination,
): Promise<readonly Finding[]> {
  const findings: Finding[] = []
  for (const hook of pipeline.quiesce ?? []) {
    if (!hook.capabilities.inspect) continue
    const subject = `pipeline ${pipeline.name}, hook ${hook.id}`
    findings.push(...(await examineHook(hook, machines, examination)).map((finding) => ({ subject, ...finding })))
  }
  return findings
}

type Found = Omit<Finding, 'subject'>

async function examineHook(
  hook: QuiescePlugin,
  machines: readonly MachineRef[],
  examination: HookExamination,
): Promise<readonly Found[]> {
  const { host, signal } = examination
  try {
    const opened = await hook.open(pluginContext(host, signal))
    await using session = checkFacets(hook, opened, sessionFacets.quiesce)
    const found = await Promise.all(machines.map((machine) => examineMachine(session, machine, examination)))
    const bad = found.flat()
    return bad.length > 0 ? bad : [{ state: 'good', message: `${counted(machines.length, 'machine')} not frozen` }]
  } catch (error) {
    signal.throwIfAborted()
    return [fault(error)]
  }
}

async function examineMachine(
  session: QuiesceSession,
  machine: MachineRef,
  { thaw, signal }: HookExamination,
): Promise<readonly Found[]> {
  try {
    if ((await session.inspect?.(machine, { signal })) !== 'frozen') return []
    if (!thaw) {
      const message = `${machine.name} is frozen: by a run that was killed, or by a backup that is at work now`
      return [{ state: 'bad', message, hint: "If no backup is at work, thaw it with 'holdfast doctor --thaw'." }]
    }
    await session.thaw(machine, { signal })
    return [{ state: 'warning', message: `${machine.name} was frozen, and is thawed now` }]
  } catch (error) {
    signal.throwIfAborted()
    return [fault(error)]
  }
}

function fault(error: unknown): Found {
  const { message, hint } = errorDocument(error)
  return { state: 'bad', message, ...(hint !== undefined && { hint }) }
}
