import type { Pipeline } from '@holdfast/core'
import { copyDue, type RunReport, runPipeline, type ScheduledCopyReport } from '@holdfast/core/engine'
import { type ExitCode, exitCodeOf, joinedExitCode } from '../exit-code.js'
import type { Invocation, Outcome } from '../invocation.js'
import { errorDocument } from '../render/errors.js'
import { printable } from '../render/printable.js'
import { progressView } from '../render/progress.js'
import { counted, formatBytes, formatDuration } from '../render/units.js'
import { openWorkingSession, pipelinesNamed, type WorkingSession } from '../session.js'

const exitCodes = { done: 0, failed: 1, partial: 3 } as const

/** Backs up every machine of the pipelines, one pipeline after the other. */
export async function run(invocation: Invocation, names: readonly string[]): Promise<Outcome> {
  const { output, signal } = invocation
  await using session = await openWorkingSession(invocation)
  const pipelines = pipelinesNamed(session.config, names)
  const reports: object[] = []
  const codes: ExitCode[] = []
  for (const pipeline of pipelines) {
    try {
      const report = await runOne(session, pipeline, invocation)
      reports.push(report)
      codes.push(exitCodes[report.status])
    } catch (error) {
      signal.throwIfAborted()
      if (pipelines.length === 1) throw error
      output.error(error)
      reports.push({ pipeline: pipeline.name, status: 'failed', error: errorDocument(error) })
      codes.push(exitCodeOf(error))
    }
  }
  return { exitCode: joinedExitCode(codes), result: { pipelines: reports } }
}

/** A run and the copies that it made due. */
interface WholeReport extends RunReport {
  readonly copies?: readonly ScheduledCopyReport[]
}

async function runOne(session: WorkingSession, pipeline: Pipeline, invocation: Invocation): Promise<WholeReport> {
  const { output, signal } = invocation
  const { config, host, pool } = session
  using progress = progressView(output, 'read')
  const onEvent = progress.onEvent
  const report = await runPipeline(pipeline, host, { signal, onEvent, offered: config.transforms, pool })
  progress.close()
  for (const line of describeReport(report)) output.line(line)
  for (const { machine, error } of report.machines) {
    if (error !== undefined) output.failure({ ...error, context: { machine } })
  }
  for (const { target, error } of report.targets) {
    if (error !== undefined) output.failure({ ...error, context: { target } })
  }
  if (report.status === 'failed') return report
  const copies = await copyOne(session, pipeline, invocation)
  if (copies.length === 0) return report
  const lacks = copies.some(({ status }) => status === 'failed')
  return { ...report, ...(lacks && { status: 'partial' }), copies }
}

/** Copies what is due. What was backed up is safe whether or not that works. */
async function copyOne(
  { config, host }: WorkingSession,
  pipeline: Pipeline,
  { output, signal }: Invocation,
): Promise<readonly ScheduledCopyReport[]> {
  using progress = progressView(output, 'copied')
  const copies = await copyDue(pipeline, host, { signal, onEvent: progress.onEvent, offered: config.transforms })
  progress.close()
  for (const { target, status, copied, error } of copies) {
    const amount = formatBytes(copied.reduce((sum, { storedBytes }) => sum + storedBytes, 0))
    const what = copied.length === 0 ? 'no copy is due' : `${counted(copied.length, 'point')} copied, ${amount} stored`
    output.line(`  ${target}: ${status === 'done' ? what : status}`)
    if (error !== undefined) output.failure({ ...error, context: { target } })
  }
  return copies
}

function describeReport({ pipeline, status, durationMs, machines, targets }: RunReport): readonly string[] {
  const disks = machines.flatMap((machine) => machine.disks)
  const sizeBytes = disks.reduce((sum, disk) => sum + disk.sizeBytes, 0)
  const readBytes = disks.reduce((sum, disk) => sum + disk.readBytes, 0)
  const head = `${pipeline}: ${status} in ${formatDuration(durationMs)}: ${counted(machines.length, 'machine')}`
  return [
    `${head}, ${counted(disks.length, 'disk')}, ${formatBytes(sizeBytes)}, ${formatBytes(readBytes)} read`,
    ...machines.flatMap(({ machine, status, unavailable }) => [
      ...(status === 'done' ? [] : [`  ${printable(machine)}: ${status}`]),
      ...unavailable.map(({ id, reason }) => `  ${printable(`${machine}/${id}: not backed up: ${reason}`)}`),
    ]),
    ...targets.map(({ target, status, storedBytes, newChunks }) => {
      const stored = `${formatBytes(storedBytes)} stored in ${counted(newChunks, 'new chunk')}`
      return `  ${target}: ${status === 'done' ? stored : status}`
    }),
  ]
}
