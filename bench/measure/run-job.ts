import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Contestant, Traces } from '../contestants/contestant.ts'
import type { Job } from '../jobs.ts'
import { type Measurement, measure } from './measure.ts'
import { lockInMemory, readOnce } from './memory-lock.ts'
import { runQuietly } from './run-quietly.ts'

/** One round of one contestant. */
export type Round = Measurement & Traces

/** All rounds of one contestant. */
export interface ContestantResult {
  readonly label: string
  readonly settings: string
  readonly rounds: readonly Round[]
}

/** A finished job. */
export interface JobResult {
  readonly id: string
  readonly title: string
  /** How its inputs were kept in memory. */
  readonly inputs: string
  readonly contestants: readonly ContestantResult[]
}

/** How a job is run. */
export interface RunOptions {
  readonly rounds: number
  readonly workFolder: string
  /** Leaves out the contestants it says no to. */
  readonly admits: (contestant: Contestant) => boolean
  /** Called after each measurement. */
  readonly onRound: (job: Job, label: string, round: Round) => void
}

/**
 * Runs the contestants of a job in turn, round after round, so that a busy moment of the machine hits all alike. Every other
 * round goes backwards: after the pause of a preparation the first is slower, whoever it is.
 */
export async function runJob(job: Job, options: RunOptions): Promise<JobResult> {
  const contestants = (await job.contestants()).filter(options.admits)
  try {
    const inputs = new Map<Contestant, readonly string[]>()
    for (const contestant of contestants) inputs.set(contestant, await contestant.setUp())

    await using lock = await lockInMemory(job.once === true ? [] : [...new Set([...inputs.values()].flat())])
    const rounds = new Map<Contestant, Round[]>(contestants.map((contestant) => [contestant, []]))
    for (let round = 0; round < (job.once === true ? 1 : options.rounds); round++) {
      for (const contestant of round % 2 === 0 ? contestants : contestants.toReversed()) {
        const command = await contestant.prepare()
        if (!lock.locked && job.once !== true) await readOnce(inputs.get(contestant) ?? [])
        // What the preparation wrote must not be written back while the clock runs.
        await runQuietly('sync', ['--file-system', options.workFolder])
        const logFile = join(options.workFolder, 'measured.log')
        const measurement = await measure(command, logFile)
        const traces = await contestant.inspect(round === 0, readFileSync(logFile, 'utf8'))
        const result = { ...measurement, ...traces }
        rounds.get(contestant)?.push(result)
        options.onRound(job, contestant.label, result)
      }
    }
    return {
      id: job.id,
      title: job.title,
      inputs: lock.locked
        ? 'locked in memory'
        : job.once === true
          ? 'not cached'
          : `read before each round: ${lock.reason}`,
      contestants: contestants.map((contestant) => ({
        label: contestant.label,
        settings: contestant.settings,
        rounds: rounds.get(contestant) ?? [],
      })),
    }
  } finally {
    for (const contestant of contestants) await contestant.tearDown()
  }
}
