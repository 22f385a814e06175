import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type Clock, type Pipeline, secretValue, type TransformPlugin } from '@holdfast/core'
import {
  copyDue,
  type EngineHost,
  engineHost,
  neededMedia,
  type OpenRepositories,
  openTarget,
  openTargetRepositories,
  type Provision,
  repositoryAccess,
  restorePoints,
  restoreScriptBytes,
  runPipeline,
  systemClock,
  workerPool,
} from '@holdfast/core/engine'
import { initRepository } from '@holdfast/core/repository'
import { placeInFolder } from '@holdfast/machine-files'
import { imageSource } from '@holdfast/source-image'
import { diskTarget } from '@holdfast/target-disk'
import { tapeTarget } from '@holdfast/target-tape'
import { seededBytes } from '@holdfast/testkit/images'
import { aesGcmTransform } from '@holdfast/transform-aes-gcm'
import { zstdTransform } from '@holdfast/transform-zstd'
import { startTgtd, type TgtdLibrary } from 'holdfast-lab'
import { digestsBelow, makeImage, passphrase } from './script-repository.js'

const call = { signal: new AbortController().signal }
const mebibyte = 2 ** 20
const weekMs = 7 * 24 * 3_600_000
const machineBytes = 52 * mebibyte
const changedBytes = 11 * mebibyte
export const machines = ['db', 'mail', 'web'] as const

/** What a restore of one week was and took. */
export interface RestoredWeek {
  readonly digests: Readonly<Record<string, string>>
  readonly needed: readonly string[]
  readonly mounts: number
  readonly seeks: number
}

/** Machines that are backed up to disk each week, and copied to a library of tgtd. */
export interface TapeWeeks extends AsyncDisposable {
  readonly library: TgtdLibrary
  /** Folder of the tape target's catalog. */
  readonly state: string
  /** Digests of the machines' images, by week. */
  readonly originals: readonly Readonly<Record<string, string>>[]
  /** Opens what the tape target holds. */
  readonly open: () => Promise<OpenRepositories>
  /** Makes the catalog anew from the cartridges. */
  readonly rebuild: () => Promise<void>
  /** Restores all machines of a week at once, after all drives were emptied. */
  readonly restore: (week: number, to: string) => Promise<RestoredWeek>
}

const transforms: readonly TransformPlugin[] = [
  zstdTransform({ level: 1 }),
  aesGcmTransform({ passphrase: { env: 'HOLDFAST_PASSPHRASE' } }),
]

/** Lets four weeks go by: three machines of 52 MiB, of each of which 11 MiB change, on six cartridges of 64 MiB in a library of two drives. */
export async function fourTapeWeeks(folder: string): Promise<TapeWeeks> {
  const library = await startTgtd({ cartridges: Array.from({ length: 6 }, () => ({ sizeMib: 64 })), drives: 2 })
  try {
    return await livedWeeks(folder, library)
  } catch (error) {
    await library.stop()
    throw error
  }
}

async function livedWeeks(folder: string, library: TgtdLibrary): Promise<TapeWeeks> {
  let now = new Date('2026-01-05T20:00:00Z')
  const clock: Clock = { now: () => now, sleep: systemClock.sleep }
  const host = engineHost({ clock, workers: 2, baseDir: folder, resolveSecret: async () => secretValue(passphrase) })
  const state = join(folder, 'state')
  const { host: address, port, target, changerLun: changer, driveLuns: drives } = library
  const tape = tapeTarget({
    library: { kind: 'iscsi', host: address, port, target, changer, drives },
    pool: 'weekly',
    state,
  })
  const images = join(folder, 'machines')
  const source = imageSource({ path: images })
  const access = { name: 'tape', plugin: tape, transforms, offered: [] }
  const vault = { name: 'vault', plugin: diskTarget({ path: join(folder, 'vault') }), transforms }
  const pipeline: Pipeline = { name: 'weekly', source, targets: [vault, { ...access, every: 'week' }], transforms }
  await makeVault(vault, host)
  const originals: Readonly<Record<string, string>>[] = []
  for (let week = 0; week < 4; week++) {
    machines.forEach((machine, at) => {
      mkdirSync(join(images, machine), { recursive: true })
      const changed = Array.from({ length: week }, (_, before) => ({
        at: (before + 1) * changedBytes,
        bytes: seededBytes(changedBytes, 1000 * (before + 1) + at),
      }))
      makeImage(join(images, machine, 'disk.raw'), machineBytes, [
        { at: 0, bytes: seededBytes(machineBytes, at) },
        ...changed,
      ])
    })
    originals.push(digestsBelow(images))
    const { status } = await runPipeline(pipeline, host, call)
    const copies = await copyDue(pipeline, host, call)
    if (status !== 'done' || copies.some((copy) => copy.status !== 'done'))
      throw new Error(`week ${week}: ${status}, ${JSON.stringify(copies)}`)
    now = new Date(now.getTime() + weekMs)
  }
  const open = () => openTargetRepositories(access, host, call)

  const restore = async (week: number, to: string): Promise<RestoredWeek> => {
    await emptyDrives(tape, host)
    await using opened = await open()
    const [stored] = opened.repositories
    if (stored === undefined) throw new Error('there is no set')
    const { repository, store } = stored
    const { entries } = await repository.points.list(call)
    const wanted = machines.map((machine) => entries.filter(({ point }) => point.machine.name === machine)[week])
    const points = wanted.flatMap((entry) => entry?.point ?? [])
    const needed = await neededMedia(repository, points, call)
    const provision: Provision = (machine, disks) => placeInFolder(to, machine, disks, { kind: { format: 'raw' } })
    await using pool = workerPool(2)
    await restorePoints(
      repository,
      points.map((point) => ({ point, provision })),
      pool,
      call,
    )
    const handled = store.session.media?.handled?.()
    const images = Object.entries(digestsBelow(to)).filter(([path]) => path.endsWith('.raw'))
    rmSync(to, { recursive: true })
    return {
      digests: Object.fromEntries(images),
      needed: needed.map(({ name }) => name),
      mounts: handled?.mounts ?? -1,
      seeks: handled?.seeks ?? -1,
    }
  }
  const rebuild = async () => {
    await using session = await openTape(tape, host)
    await session.library?.rebuild([], call)
  }
  return { library, state, originals, open, rebuild, restore, [Symbol.asyncDispose]: library.stop }
}

async function makeVault(vault: Pipeline['targets'][number], host: EngineHost): Promise<void> {
  await using opened = await openTarget(vault, host, call)
  await initRepository(
    opened.store,
    await repositoryAccess({ ...vault, offered: [] }, host, call),
    await restoreScriptBytes(),
    call,
  )
}

async function openTape(tape: ReturnType<typeof tapeTarget>, host: EngineHost) {
  const { store, ...opened } = await openTarget({ name: 'tape', plugin: tape }, host, call)
  return { library: store.session.library, ...opened }
}

/** Puts every cartridge back into its slot, so that each one that is read has to be mounted. */
async function emptyDrives(tape: ReturnType<typeof tapeTarget>, host: EngineHost): Promise<void> {
  await using session = await openTape(tape, host)
  for (const drive of [0, 1]) await session.library?.unload(drive, call)
}
