import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'

/** What jobs are about. */
const jobGroups = ['backup', 'formats', 'qemu', 'tape'] as const
export type JobGroup = (typeof jobGroups)[number]

/** How the benchmark is run. */
export interface BenchOptions {
  readonly rounds: number
  /** Ids of the jobs to run; all of the groups if not given. */
  readonly jobs?: readonly string[]
  /** Groups of jobs to run; all if empty. */
  readonly groups: readonly JobGroup[]
  readonly quick: boolean
  readonly peersOnly: boolean
  readonly jsonFile: string
  /** Holds workloads, which are kept, and the work of a run, which is not. */
  readonly folder: string
}

/** What `--help` prints. */
export const usage = `Usage: node bench/run.ts [backup] [formats] [qemu] [tape] [options]

  backup           only backups, restores and verifications, against restic and borg
  formats          only conversions of disk images, against qemu-img
  qemu             only jobs around QEMU: a running guest against virtnbdbackup, NBD against nbdcopy, booting
  tape             only a tape drive: its blocks against a plain program, copies to and restores from tape

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
  const { values, positionals } = parseArgs({
    allowPositionals: true,
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
  const groups = positionals.map((word) => {
    const group = jobGroups.find((known) => known === word)
    if (group === undefined) throw new TypeError(`There is no group ${word}; the groups are ${jobGroups.join(', ')}`)
    return group
  })
  const time = new Date().toISOString().replaceAll(/[:.]/g, '-')
  return {
    rounds,
    groups,
    ...(values.jobs !== undefined ? { jobs: values.jobs.split(',') } : {}),
    quick: values.quick,
    peersOnly: values['peers-only'],
    jsonFile: values.json === undefined ? join(checkout, 'bench', 'results', `${time}.json`) : resolve(values.json),
    folder: resolve(process.env['HOLDFAST_BENCH_DIR'] ?? join(checkout, '.holdfast', 'bench')),
  }
}
