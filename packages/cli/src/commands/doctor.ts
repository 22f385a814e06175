import type { Pipeline } from '@holdfast/core'
import { dueCopies, planPipeline, pluginContext } from '@holdfast/core/engine'
import { byAge, type PointEntry } from '@holdfast/core/repository'
import type { Finding } from '../finding.js'
import { hookFindings } from '../hook-findings.js'
import type { Invocation, Outcome } from '../invocation.js'
import { errorDocument } from '../render/errors.js'
import { mediaNames } from '../render/media.js'
import { printable } from '../render/printable.js'
import { counted, formatBytes, formatDuration } from '../render/units.js'
import { openSession, type Session } from '../session.js'
import { hasSets, openToRead, targetNames } from '../target-access.js'

/** Options of `doctor`. */
export interface DoctorCommandOptions {
  /** Thaw machines that are found frozen. */
  readonly thaw?: boolean
}

/** Looks at everything that a run needs, and at the age of what was stored. Changes nothing but what `thaw` says. */
export async function doctor(invocation: Invocation, { thaw = false }: DoctorCommandOptions = {}): Promise<Outcome> {
  const { output, signal } = invocation
  await using session = await openSession(invocation)
  const findings: Finding[] = [
    { subject: 'node', state: 'good', message: `${process.version} on ${process.platform} ${process.arch}` },
    { subject: 'config', state: 'good', message: session.config.path },
  ]
  const newest = new Map<string, ReadonlyMap<string, PointEntry>>()
  for (const target of targetNames(session.config)) {
    findings.push(...(await examineTarget(session, target, newest, invocation)))
  }
  for (const pipeline of session.config.pipelines) {
    const { machines, problems } = await planPipeline(pipeline, session.host, { signal })
    const subject = `pipeline ${pipeline.name}`
    for (const { message, hint } of problems) findings.push({ subject, state: 'bad', message, hint })
    if (problems.length === 0)
      findings.push({ subject, state: 'good', message: `${counted(machines.length, 'machine')} selected` })
    if (problems.length === 0) {
      findings.push(...(await hookFindings(pipeline, machines, { host: session.host, thaw, signal })))
    }
    if (problems.length === 0) findings.push(...(await copyFindings(session, pipeline, signal)))
    for (const { id, name } of machines) findings.push(...ageFindings(pipeline, { id, name }, newest, session))
  }
  output.document(findings)
  const marks = {
    good: output.colors.green('ok  '),
    warning: output.colors.yellow('warn'),
    bad: output.colors.red('BAD '),
  }
  for (const { subject, state, message, hint } of findings) {
    output.line(`${marks[state]} ${printable(`${subject}: ${message}`)}`)
    if (hint !== undefined) output.line(`       try: ${printable(hint)}`)
  }
  return { exitCode: findings.some(({ state }) => state === 'bad') ? 1 : 0 }
}

/** Share of a target that should stay free. */
const leastFree = 0.05

async function examineTarget(
  session: Session,
  target: string,
  newest: Map<string, ReadonlyMap<string, PointEntry>>,
  invocation: Invocation,
): Promise<readonly Finding[]> {
  const { signal } = invocation
  const subject = `target ${target}`
  try {
    await using opened = await openToRead(session, target, invocation)
    const findings: Finding[] = []
    const all: PointEntry[] = []
    for (const { set, repository } of opened.repositories) {
      const { description, points } = repository
      const { entries, damaged } = await points.list({ signal })
      all.push(...entries)
      const kind = description.encrypted ? 'encrypted' : 'not encrypted'
      const place = set === undefined ? '' : `set ${set.id} on ${mediaNames(set) || 'no medium'}, `
      const what = `repository ${description.id.slice(0, 8)}, ${kind}, ${counted(entries.length, 'point')}`
      findings.push(
        { subject, state: 'good', message: `${place}${what}` },
        ...damaged.map(({ error }): Finding => ({ subject, state: 'bad', ...errorDocument(error) })),
      )
    }
    all.sort((a, b) => byAge(a.point, b.point))
    newest.set(target, new Map(all.map((entry) => [entry.point.machine.id, entry])))
    if (hasSets(session.config, target) && opened.repositories.length === 0)
      findings.push({ subject, state: 'good', message: 'no media set is written yet' })
    return [
      ...findings,
      ...opened.unreadable.map(({ error }): Finding => ({ subject, state: 'bad', ...errorDocument(error) })),
      ...(await roomFindings(session, target, signal)),
    ]
  } catch (error) {
    signal.throwIfAborted()
    const { message, hint } = errorDocument(error)
    return [{ subject, state: 'bad', message, ...(hint !== undefined && { hint }) }]
  }
}

async function roomFindings(
  { config, host }: Session,
  target: string,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const plugin = config.targets.get(target)
  if (plugin === undefined || !plugin.capabilities.capacity) return []
  await using store = await plugin.open(pluginContext(host, signal))
  if (store.capacity === undefined) return []
  const { totalBytes, freeBytes } = await store.capacity.capacity({ signal })
  const subject = `target ${target}`
  const message = `${formatBytes(freeBytes)} of ${formatBytes(totalBytes)} free`
  if (freeBytes >= totalBytes * leastFree) return [{ subject, state: 'good', message }]
  return [{ subject, state: 'warning', message, hint: "Make room, or let 'holdfast prune' free some." }]
}

async function copyFindings(
  { config, host }: Session,
  pipeline: Pipeline,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const subject = `pipeline ${pipeline.name}`
  const reports = await dueCopies(pipeline, host, { signal, offered: config.transforms })
  return reports.map(({ target, every, due, error }): Finding => {
    if (error !== undefined) return { subject, state: 'bad', ...error }
    if (due.length === 0) return { subject, state: 'good', message: `${target} has its copies of this ${every}` }
    const machines = due.map(({ machine }) => machine).join(', ')
    return {
      subject,
      state: 'warning',
      message: `${target} lacks its copy of this ${every}: ${machines}`,
      hint: `Run 'holdfast run ${pipeline.name}', or copy by hand with 'holdfast copy --to ${target}'.`,
    }
  })
}

function ageFindings(
  { name: pipeline, objectives, targets }: Pipeline,
  machine: { readonly id: string; readonly name: string },
  newest: ReadonlyMap<string, ReadonlyMap<string, PointEntry>>,
  { host }: Session,
): readonly Finding[] {
  const limitMs = objectives?.recoveryPointMs
  if (limitMs === undefined) return []
  return targets.flatMap(({ name: target, every }): Finding[] => {
    // A copy is as old as its period makes it.
    if (every !== undefined) return []
    const entry = newest.get(target)?.get(machine.id)
    const ageMs = entry === undefined ? undefined : host.clock.now().getTime() - Date.parse(entry.point.takenAt)
    if (ageMs !== undefined && ageMs <= limitMs) return []
    const age = ageMs === undefined ? 'has no point' : `has a newest point that is ${formatDuration(ageMs)} old`
    return [
      {
        subject: `pipeline ${pipeline}`,
        state: 'warning',
        message: `${machine.name} ${age} on ${target}; the objective is ${formatDuration(limitMs)}`,
        hint: `Run 'holdfast run ${pipeline}', and check what starts it.`,
      },
    ]
  })
}
