import { join } from 'node:path'
import { backup } from './contestants/backup.ts'
import type { Contestant } from './contestants/contestant.ts'
import { floorsFor } from './contestants/floors.ts'
import { restore } from './contestants/restore.ts'
import { verify } from './contestants/verify.ts'
import { createWorkshop, type Workshop } from './contestants/workshop.ts'
import type { PeerVersions } from './peers.ts'
import { borg } from './tools/borg.ts'
import { holdfast } from './tools/holdfast.ts'
import { restic } from './tools/restic.ts'
import type { MachineState, Tool } from './tools/tool.ts'
import type { Workloads } from './workloads/workloads.ts'

/** A comparison: contestants that are given the same work, in turn. */
export interface Job {
  readonly id: string
  readonly title: string
  /** Runs one round only, whatever was asked: its purpose is not a time. */
  readonly once?: boolean
  contestants(): Promise<readonly Contestant[]>
}

/** What the jobs are made from. */
export interface JobParts {
  readonly workloads: Workloads
  readonly workFolder: string
  readonly versions: PeerVersions
}

/** Lists the jobs of backing up. Their workloads are made when their contestants are asked for. */
export function backupJobs({ workloads, workFolder, versions }: JobParts): readonly Job[] {
  const workshop = (tool: Tool): Workshop => createWorkshop(tool, workFolder)
  const ours = workshop(holdfast())
  const oursAtOne = workshop(holdfast(1))
  const resticShop = workshop(restic(versions.restic))
  const borgShop = workshop(borg(versions.borg))
  const floors = (image: string, name: string) => floorsFor(image, join(workFolder, 'floors', name))

  const dayOne = async (): Promise<MachineState> => ({
    machine: 'server',
    image: await workloads.disk(),
    changeToken: 'day-1',
  })
  const unchanged = async (image: Promise<string>): Promise<[MachineState, MachineState]> => {
    const before: MachineState = { machine: 'server', image: await image, changeToken: 'day-1' }
    return [before, { ...before, changeToken: 'day-2', changes: { since: 'day-1', extents: [] } }]
  }

  return [
    {
      id: 'full',
      title: 'Full backup of a 55 % full disk',
      async contestants() {
        const machines = [await dayOne()]
        return [
          backup(ours, { label: 'holdfast', machines, proved: true }),
          backup(resticShop, { label: 'restic', machines }),
          backup(borgShop, { label: 'borg', machines }),
        ]
      },
    },
    {
      id: 'level-1',
      title: 'Full backup at level 1, against the floors',
      async contestants() {
        const state = await dayOne()
        const { compress, hash, hashWithOpenssl, copy } = floors(state.image, 'disk')
        const ofOurs = backup(oursAtOne, { label: 'holdfast', machines: [state] })
        return [ofOurs, compress(), hash(), hashWithOpenssl(), copy()]
      },
    },
    {
      id: 'day-2',
      title: 'The disk a day later, 3 % written',
      async contestants() {
        const before = [await dayOne()]
        const { image, changes } = await workloads.dayTwo()
        const machines: MachineState[] = [{ machine: 'server', image }]
        const hinted: MachineState[] = [
          { machine: 'server', image, changeToken: 'day-2', changes: { since: 'day-1', extents: changes } },
        ]
        return [
          backup(ours, { label: 'holdfast', machines, before, proved: true }),
          backup(ours, { label: 'holdfast, changes given', machines: hinted, before, proved: true }),
          backup(resticShop, { label: 'restic', machines, before }),
          backup(borgShop, { label: 'borg', machines, before }),
        ]
      },
    },
    {
      id: 'clones',
      title: 'Machines made from one template, 2 % of each its own',
      async contestants() {
        const images = await workloads.clones()
        const machines = images.map((image, index) => ({ machine: `clone-${index}`, image }))
        return [
          backup(ours, { label: 'holdfast', machines, proved: true }),
          backup(resticShop, { label: 'restic', machines }),
          backup(borgShop, { label: 'borg', machines }),
        ]
      },
    },
    {
      id: 'restore',
      title: 'Restore of the disk',
      async contestants() {
        const state = await dayOne()
        return [
          restore(ours, 'holdfast', state),
          restore(resticShop, 'restic', state),
          restore(borgShop, 'borg', state),
          floors(state.image, 'disk').decompress(),
        ]
      },
    },
    {
      id: 'verify',
      title: 'Verification, all data read',
      async contestants() {
        const state = await dayOne()
        return [
          verify(ours, 'holdfast', state),
          verify(resticShop, 'restic', state),
          verify(borgShop, 'borg', state),
          floors(state.image, 'disk').testCompressed(),
        ]
      },
    },
    {
      id: 'incompressible',
      title: 'Full backup of a disk that does not compress',
      async contestants() {
        const machines: MachineState[] = [{ machine: 'noise', image: await workloads.incompressible() }]
        const { compress } = floors(await workloads.incompressible(), 'incompressible')
        return [
          backup(ours, { label: 'holdfast', machines, proved: true }),
          backup(resticShop, { label: 'restic', machines }),
          backup(borgShop, { label: 'borg', machines }),
          compress(),
        ]
      },
    },
    {
      id: 'unchanged',
      title: 'Backup of what has not changed: a small disk and a very large sparse one',
      async contestants() {
        const [smallBefore, small] = await unchanged(workloads.template())
        const [sparseBefore, sparse] = await unchanged(workloads.scattered())
        const forRestic: MachineState[] = [{ machine: 'server', image: await workloads.templateFor('restic') }]
        const forBorg: MachineState[] = [{ machine: 'server', image: await workloads.templateFor('borg') }]
        return [
          backup(ours, { label: 'holdfast, small', machines: [small], before: [smallBefore], proved: true }),
          backup(ours, { label: 'holdfast, sparse', machines: [sparse], before: [sparseBefore] }),
          backup(resticShop, { label: 'restic, small', machines: forRestic, before: forRestic }),
          backup(borgShop, { label: 'borg, small', machines: forBorg, before: forBorg }),
        ]
      },
    },
    {
      id: 'large',
      title: 'A disk four times as large: memory must not grow',
      once: true,
      async contestants() {
        const state: MachineState = { machine: 'large', image: await workloads.large() }
        return [
          backup(ours, { label: 'holdfast, backup', machines: [state] }),
          restore(ours, 'holdfast, restore', state),
          verify(ours, 'holdfast, verify', state),
        ]
      },
    },
  ]
}
