import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join, resolve } from 'node:path'
import { bars, isOurs, judge } from './bars.ts'
import { formatJobs } from './format-jobs.ts'
import { backupJobs, type Job } from './jobs.ts'
import { type IndexMeasurement, indexJob, measureIndex } from './measure/measure-index.ts'
import { type JobResult, runJob } from './measure/run-job.ts'
import { type BenchOptions, type JobGroup, parseOptions, usage } from './options.ts'
import { findProgram, installPeers, type PeerVersions, peerVersions, type QemuVersions, qemuVersions } from './peers.ts'
import { qemuJobs } from './qemu-jobs.ts'
import { describeHost } from './report/host.ts'
import { renderBars, renderIndex, renderJob } from './report/report.ts'
import { tapeJobs } from './tape-jobs.ts'
import { fullScale, quickScale, type Scale } from './workloads/scale.ts'
import { openWorkloads } from './workloads/workloads.ts'

const checkout = resolve(import.meta.dirname, '..')

process.exitCode = await main()

async function main(): Promise<number> {
  const options = readOptions()
  if (typeof options === 'number') return options

  process.env['PATH'] = [join(checkout, 'node_modules', '.bin'), process.env['PATH']].join(delimiter)
  if (!options.peersOnly && findProgram('holdfast') === undefined) {
    console.error('holdfast is not built: run `npm run setup` first, or leave it out with --peers-only')
    return 2
  }
  const includes = (group: JobGroup) => options.groups.length === 0 || options.groups.includes(group)
  await installPeers({ qemu: includes('qemu'), tape: includes('tape') })
  const ofQemu = includes('qemu') ? await qemuVersions() : undefined
  const versions = { ...(await peerVersions()), ...ofQemu }
  const scale = options.quick ? quickScale : fullScale
  const workFolder = join(options.folder, scale.name, 'work')
  rmSync(workFolder, { recursive: true, force: true })
  mkdirSync(workFolder, { recursive: true })
  // Plugins are found from where the configuration is, and that may be outside the checkout.
  symlinkSync(join(checkout, 'node_modules'), join(workFolder, 'node_modules'))
  const workloads = openWorkloads(join(options.folder, scale.name, 'workloads'), scale)
  const parts = { workloads, workFolder, versions }
  const jobs = [
    ...(includes('backup') ? backupJobs(parts) : []),
    ...(includes('formats') ? formatJobs(parts) : []),
    ...(ofQemu === undefined ? [] : qemuJobs({ workloads, workFolder, scale, versions: ofQemu })),
    ...(includes('tape') ? tapeJobs({ workloads, workFolder, scale }) : []),
  ]
  const ids = [...jobs.map(({ id }) => id), ...(includes('backup') ? [indexJob] : [])]
  const unknown = options.jobs?.find((id) => !ids.includes(id))
  if (unknown !== undefined) {
    console.error(`There is no job ${unknown}; the jobs are ${ids.join(', ')}`)
    return 2
  }

  const results = await runAll(jobs, options, workFolder)
  rmSync(workFolder, { recursive: true })
  const index = includes('backup') ? await indexResult(options, scale) : undefined
  return report({ results, index, options, versions })
}

function readOptions(): BenchOptions | number {
  try {
    const options = parseOptions(process.argv.slice(2), checkout)
    if (options !== 'help') return options
    console.log(usage)
    return 0
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof RangeError)) throw error
    console.error(`${error.message}\n\n${usage}`)
    return 2
  }
}

async function runAll(jobs: readonly Job[], options: BenchOptions, workFolder: string): Promise<JobResult[]> {
  const results: JobResult[] = []
  for (const job of jobs) {
    if (!isWanted(job.id, options)) continue
    const result = await runJob(job, {
      rounds: options.rounds,
      workFolder,
      admits: ({ label }) => !options.peersOnly || !isOurs(label),
      onRound: ({ id }, label, { wallSeconds }) => console.error(`${id}  ${label}  ${wallSeconds.toFixed(2)} s`),
    })
    if (result.contestants.length === 0) continue
    results.push(result)
    console.log(`\n${renderJob(result)}\n`)
  }
  return results
}

async function indexResult(options: BenchOptions, scale: Scale): Promise<IndexMeasurement | undefined> {
  if (options.peersOnly || !isWanted(indexJob, options)) return undefined
  const index = await measureIndex(scale.indexedChunks)
  console.log(`\n${renderIndex(index)}\n`)
  return index
}

function isWanted(id: string, { jobs }: BenchOptions): boolean {
  return jobs === undefined || jobs.includes(id)
}

interface Outcome {
  readonly results: readonly JobResult[]
  readonly index: IndexMeasurement | undefined
  readonly options: BenchOptions
  readonly versions: PeerVersions & Partial<QemuVersions>
}

function report({ results, index, options, versions }: Outcome): number {
  const verdicts = bars.map((bar) => judge(bar, results, index))
  console.log(renderBars(verdicts))
  if (options.quick) console.log('\nMeasured with --quick: these ratios mean nothing.')

  const { rounds, quick } = options
  const measuredAt = new Date().toISOString()
  const host = describeHost()
  const record = { measuredAt, host, versions, rounds, quick, jobs: results, index, bars: verdicts }
  mkdirSync(dirname(options.jsonFile), { recursive: true })
  writeFileSync(options.jsonFile, `${JSON.stringify(record, undefined, 2)}\n`)
  console.log(`\nAll rounds are in ${options.jsonFile}`)
  return !options.quick && verdicts.some(({ verdict }) => verdict === 'missed') ? 1 : 0
}
