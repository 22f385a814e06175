// biome-ignore-all lint/correctness/useImportExtensions: Node runs this file as it is
// Backs machines up, or prunes, over and over beside other processes that do the same to one repository.
import { writeSync } from 'node:fs'
import { openTargetRepository, pruneRepository, runPipeline } from '@holdfast/core/engine'
import { seededNumbers } from '@holdfast/testkit/images'
import {
  accessOf,
  changeMachines,
  crashHost,
  machineDigests,
  makeMachines,
  pipelineOf,
  transforms,
} from './crash-site.ts'

/** What a process is told to do. */
interface WriterJob {
  readonly kind: 'write' | 'prune'
  readonly rounds: number
  readonly vault: string
  readonly machines: string
  readonly seed: number
  readonly suffix: string
}

const job = JSON.parse(process.argv[2] ?? '{}') as WriterJob
const site = { machines: job.machines, vault: job.vault, copy: '', suffix: job.suffix }
const call = { signal: new AbortController().signal }
const host = crashHost()
const random = seededNumbers(job.seed)

async function write(): Promise<void> {
  await makeMachines(site, job.seed)
  const days = []
  for (let day = 1; day <= job.rounds; day++) {
    days.push(await machineDigests(site))
    const report = await runPipeline(pipelineOf(site), host, call)
    const trouble = [...report.machines, ...report.targets].flatMap(({ error }) => (error === undefined ? [] : [error]))
    if (report.status !== 'done') throw new Error(`run ${day} was ${report.status}: ${JSON.stringify(trouble)}`)
    if (day < job.rounds) await changeMachines(site, day, random)
  }
  writeSync(1, JSON.stringify(days))
}

async function prune(): Promise<void> {
  await using opened = await openTargetRepository(accessOf(site.vault), host, call)
  const told = new Promise((resolve) => process.stdin.once('data', resolve).once('end', resolve))
  let ended = false
  void told.then(() => {
    ended = true
  })
  let sweeps = 0
  while (!ended) {
    const last = 1 + (random() % 2)
    const report = await pruneRepository(opened.repository, {
      ...call,
      dryRun: false,
      retentionOf: () => ({ last }),
      transforms,
      workers: 1,
    })
    sweeps += report.removedPacks > 0 ? 1 : 0
  }
  writeSync(1, JSON.stringify({ sweeps }))
}

await (job.kind === 'write' ? write() : prune())
process.exit(0)
