import { type BarResult, isOurs } from '../bars.ts'
import { type IndexMeasurement, indexJob } from '../measure/measure-index.ts'
import type { JobResult } from '../measure/run-job.ts'
import { mib } from '../workloads/units.ts'
import { type Summary, summarise } from './summary.ts'
import { renderTable } from './table.ts'

const jobHeadings = [
  '',
  'wall s',
  'min',
  'max',
  'cpu s',
  'peak MiB',
  'stored MiB',
  'added MiB',
  'restored MiB',
  'tape MiB/s',
  'machine MiB/s',
  'holdfast is',
]

/** Prints a job: one row a contestant, each compared with the first of Holdfast's; rates of tapes where there are some, else times. */
export function renderJob({ id, title, inputs, contestants }: JobResult): string {
  const summaries = contestants.map((contestant) => ({ ...contestant, summary: summarise(contestant) }))
  const ours = summaries.find(({ label }) => isOurs(label))?.summary
  const rows = summaries.map(({ label, summary }) => [
    label,
    seconds(summary.wallSeconds),
    seconds(summary.fastestSeconds),
    seconds(summary.slowestSeconds),
    seconds(summary.cpuSeconds),
    toMib(summary.peakBytes),
    optionalMib(summary.storedBytes),
    optionalMib(summary.addedBytes),
    optionalMib(summary.restoredBytes),
    optionalMib(summary.tapeRate),
    optionalMib(summary.machineRate),
    comparison(ours, summary),
  ])
  const settings = contestants.map((contestant) => `  ${contestant.label}: ${contestant.settings}`)
  return [`${id}: ${title} (inputs ${inputs})`, renderTable(...withoutEmpty(jobHeadings, rows)), ...settings].join('\n')
}

/** Leaves out the columns that no row has anything in. */
function withoutEmpty(headings: readonly string[], rows: readonly (readonly string[])[]) {
  const isUsed = (_: string, column: number): boolean => rows.some((row) => row[column] !== '-')
  return [headings.filter(isUsed), rows.map((row) => row.filter(isUsed))] as const
}

/** Prints what the chunk index takes and gives. */
export function renderIndex(index: IndexMeasurement): string {
  const rate = (perSecond: number): string => `${Math.round(perSecond / 1000)} k/s`
  const headings = ['', 'held B/chunk', 'resident B/chunk', 'peak MiB', 'inserts', 'lookups: there', 'not there']
  const row = [
    `${index.chunks} chunks`,
    index.heldBytesPerChunk.toFixed(1),
    index.residentBytesPerChunk.toFixed(1),
    toMib(index.peakBytes),
    rate(index.insertsPerSecond),
    rate(index.hitsPerSecond),
    rate(index.missesPerSecond),
  ]
  return [`${indexJob}: The chunk index, one thread`, renderTable(headings, [row])].join('\n')
}

/** Prints the bars: one row each. */
export function renderBars(results: readonly BarResult[]): string {
  const headings = ['bar', 'measured', 'at least', 'moonshot', 'stored', 'verdict']
  return renderTable(headings, results.map(barRow))
}

function barRow({ bar, verdict, ratio, storedRatio, peak, bytesPerChunk }: BarResult): string[] {
  switch (bar.kind) {
    case 'speed': {
      const limit = bar.storedAtMost === undefined ? '' : ` (at most ${bar.storedAtMost})`
      return [
        `${bar.job}: ${bar.ours} against ${bar.peer}`,
        ratio === undefined ? '-' : `${ratio.toFixed(2)}x`,
        `${Number(bar.atLeast.toFixed(2))}x`,
        `${Number(bar.moonshot.toFixed(2))}x`,
        storedRatio === undefined ? '-' : `${storedRatio.toFixed(2)}${limit}`,
        verdict,
      ]
    }
    case 'rate':
      return [
        `${bar.job}: ${bar.ours}, rate of the tape, against ${bar.peer} of ${bar.peerJob}`,
        ratio === undefined ? '-' : `${ratio.toFixed(2)}x`,
        `${bar.atLeast}x`,
        `${bar.moonshot}x`,
        '-',
        verdict,
      ]
    case 'memory':
      return [
        `peak memory${peak === undefined ? '' : `, highest in ${peak.job}: ${peak.label}`}`,
        peak === undefined ? '-' : `${toMib(peak.bytes)} MiB`,
        `<= ${toMib(bar.atMostBytes)} MiB`,
        `${toMib(bar.moonshotBytes)} MiB`,
        '-',
        verdict,
      ]
    case 'index':
      return [
        'memory a chunk in the index',
        bytesPerChunk === undefined ? '-' : `${bytesPerChunk.toFixed(1)} B`,
        `<= ${bar.atMostBytesPerChunk} B`,
        '-',
        '-',
        verdict,
      ]
  }
}

function comparison(ours: Summary | undefined, other: Summary): string {
  if (ours === undefined || ours === other) return '-'
  if (ours.tapeRate !== undefined && other.tapeRate !== undefined)
    return `${(ours.tapeRate / other.tapeRate).toFixed(2)}x`
  return `${(other.wallSeconds / Math.max(ours.wallSeconds, 0.01)).toFixed(2)}x`
}

function seconds(value: number): string {
  return value.toFixed(2)
}

function toMib(bytes: number): string {
  return (bytes / mib).toFixed(0)
}

function optionalMib(bytes: number | undefined): string {
  return bytes === undefined ? '-' : toMib(bytes)
}
