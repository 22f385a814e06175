import { join } from 'node:path'
import type { Contestant } from './contestants/contestant.ts'
import { type Shared, share } from './contestants/shared.ts'
import { type TapeBlocks, tapeRead, tapeWrite } from './contestants/tape-blocks.ts'
import { type TapeCopy, tapeCopy, tapeRestore } from './contestants/tape-copy.ts'
import type { Job } from './jobs.ts'
import { type BenchLibrary, probe, startBenchLibrary } from './tape/bench-library.ts'
import { holdfastTape } from './tools/holdfast-tape.ts'
import type { Scale } from './workloads/scale.ts'
import { mib } from './workloads/units.ts'
import type { Workloads } from './workloads/workloads.ts'

/** What the jobs are made from. */
export interface TapeJobParts {
  readonly workloads: Workloads
  readonly workFolder: string
  readonly scale: Scale
}

/** A target of its administrator: tgtd takes 8 KiB in a PDU unless it is told otherwise. */
const largeSegments = {
  MaxRecvDataSegmentLength: 2 ** 18,
  MaxXmitDataSegmentLength: 2 ** 18,
  FirstBurstLength: 2 ** 18,
  MaxBurstLength: 2 ** 20,
  InitialR2T: 'No',
}

/** Lists the jobs of tapes: blocks against a plain program, copies of a repository, restores. */
export function tapeJobs({ workloads, workFolder, scale }: TapeJobParts): readonly Job[] {
  const { movedBytes } = scale.tape
  const program = join(import.meta.dirname, 'tape', 'move-blocks.ts')
  // tgtd counts what it writes beside the blocks, too.
  const roomFor = (bytes: number) => Math.ceil((bytes * 1.25) / mib) + 64

  const blocks = (id: string, title: string, contestantOf: (work: TapeBlocks) => Contestant): Job => ({
    id,
    title,
    async contestants() {
      const onTarget = (about: string, parameters: Readonly<Record<string, string | number>>, suffix: string) => {
        const library = share(async () => {
          const started = await startBenchLibrary({ cartridgeMib: roomFor(movedBytes), parameters })
          await started.loadCartridge()
          return started
        })
        const work = { library, movedBytes, piece: workloads.tapeBlocks }
        return [
          contestantOf({
            ...work,
            label: `holdfast${suffix}`,
            settings: `the initiator and the drive of the tape target, ${about}`,
            command: { program: process.execPath, args: [program] },
          }),
          contestantOf({
            ...work,
            label: `probe${suffix}`,
            settings: `tape/probe.py, ${about}`,
            command: { program: 'python3', args: [probe] },
          }),
        ]
      }
      const asItIs = 'a target of tgtd as it is: 8 KiB in a PDU, and it asks for most of a block'
      const tuned = 'a target that takes 256 KiB in a PDU unasked'
      return [...onTarget(asItIs, {}, ''), ...onTarget(tuned, largeSegments, ', large segments')]
    },
  })

  const machines = (id: string, title: string, contestantOf: (work: TapeCopy) => Contestant): Job => ({
    id,
    title,
    async contestants() {
      const cartridgeMib = roomFor(scale.diskBytes)
      const shared = (): Shared<BenchLibrary> => share(() => startBenchLibrary({ cartridgeMib }))
      const one = async (label: string, folder: string, image: Promise<string>) =>
        contestantOf({
          label,
          tool: holdfastTape(join(workFolder, id, folder)),
          library: shared(),
          state: { machine: 'server', image: await image, changeToken: 'day-1' },
        })
      return [
        await one('holdfast', 'noise', workloads.noise()),
        await one('holdfast, real files', 'files', workloads.disk()),
      ]
    },
  })

  return [
    blocks('tape-write', 'Blocks of 256 KiB written to a tape, and a filemark', tapeWrite),
    blocks('tape-read', 'Blocks of 256 KiB read from a tape', tapeRead),
    machines('tape-copy', 'A repository with one machine copied from disk to tape: noise, and real files', tapeCopy),
    machines('tape-restore', 'A machine restored from tape: noise, and real files', tapeRestore),
  ]
}
