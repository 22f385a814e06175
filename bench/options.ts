import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'

/** How the benchmark is run. */
export interface BenchOptions {
  readonly rounds: number
  /** Ids of the jobs to run; all if not given. */
  readonly jobs?: readonly string[]
  readonly quick: boolean
  readonly peersOnly: boolean
  readonly jsonFile: string
  /** Holds workloads, which are kept, and the work of a run, which is not. */
  readonly folder: string
}

/** What `--help` prints. */
export const usage = `Usage: node bench/run.ts [options]

  --rounds N       rounds of each job (default 5; 2 with --quick)
  --jobs A,B       only these jobs
  --quick          small disks, to work on the benchmark itself: its ratios mean nothing
  --peers-only     leave Holdfast out
  --json FILE      where to write the results (default bench/results/<time>.json)
  --help

HOLDFAST_BENCH_DIR   folder for disk images and repositories (default .holdfast/bench in the checkout)
`

/**
 * Parses the command line.
 *
 * @throws TypeError for an unknown option, RangeError for a wrong number of rounds.
 */
export function parseOptions(args: readonly string[], checkout: string): BenchOptions | 'help' {
  const { values } = parseArgs({
    args: args.filter((arg) => arg !== '--'),
    options: {
      rounds: { type: 'string' },
      jobs: { type: 'string' },
      quick: { type: 'boolean', default: false },
      'peers-only': { type: 'boolean', default: false },
      json: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return 'help'
  const rounds = Number(values.rounds ?? (values.quick ? 2 : 5))
  if (!Number.isInteger(rounds) || rounds < 1) {
    throw new RangeError(`--rounds takes a whole number from 1, not ${values.rounds}`)
  }
  const time = new Date().toISOString().replaceAll(/[:.]/g, '-')
  return {
    rounds,
    ...(values.jobs !== undefined ? { jobs: values.jobs.split(',') } : {}),
    quick: values.quick,
    peersOnly: values['peers-only'],
    jsonFile: values.json === undefined ? join(checkout, 'bench', 'results', `${time}.json`) : resolve(values.json),
    folder: resolve(process.env['HOLDFAST_BENCH_DIR'] ?? join(checkout, '.holdfast', 'bench')),
  }
}
