import { type Clock, type Pipeline, type PipelineTarget, secretValue, type TransformPlugin } from '@holdfast/core'
import {
  type EngineHost,
  engineHost,
  openTarget,
  pruneRepository,
  repositoryAccess,
  runPipeline,
  systemClock,
  verifyRepository,
  workerPool,
} from '@holdfast/core/engine'
import { type ChunkHash, initRepository, openRepository, type Repository } from '@holdfast/core/repository'
import { seededBytes } from '@holdfast/testkit/images'
import { type MemorySource, type MemoryTarget, memorySource, memoryTarget } from '@holdfast/testkit/memory'
import { aesGcmTransform } from '@holdfast/transform-aes-gcm'
import { zstdTransform } from '@holdfast/transform-zstd'

const never: AbortSignal = new AbortController().signal
export const call = { signal: never } as const
export const passphrase = 'correct horse battery staple'

export type Protection = 'plain' | 'encrypted'

/** A chain that leaves much of the test data as it is, so that frames without any transform occur too. */
export function chainFor(protection: Protection): readonly TransformPlugin[] {
  const keyed = aesGcmTransform({ passphrase: { env: 'TEST_PASSPHRASE' } })
  return protection === 'plain' ? [zstdTransform({ level: 1 })] : [zstdTransform({ level: 1 }), keyed]
}

/** A host whose clock the test sets; the real one from then on when it is let go. */
export function hostAt(clock: { daysAgo: number }): EngineHost {
  const shifted: Clock = {
    ...systemClock,
    now: () => new Date(Date.now() - clock.daysAgo * 86_400_000),
  }
  return engineHost({ clock: shifted, resolveSecret: async () => secretValue(passphrase), workers: 2 })
}

/** Opens the repository of a target as the engine does. */
export async function openVault(
  target: Pick<PipelineTarget, 'name' | 'plugin'>,
  chain: readonly TransformPlugin[],
  host: EngineHost,
): Promise<Repository> {
  const access = { name: target.name, plugin: target.plugin, transforms: chain, offered: [] }
  const opened = await openTarget(access, host, call)
  return openRepository(opened.store, await repositoryAccess(access, host, call), call)
}

/** Makes an empty repository on a target. */
export async function initVault(
  target: Pick<PipelineTarget, 'name' | 'plugin'>,
  chain: readonly TransformPlugin[],
  host: EngineHost,
  chunkHash?: ChunkHash,
): Promise<Repository> {
  const access = { name: target.name, plugin: target.plugin, transforms: chain, offered: [] }
  const opened = await openTarget(access, host, call)
  const script = new TextEncoder().encode('// a stand-in\n')
  return initRepository(opened.store, await repositoryAccess(access, host, call), script, { ...call, chunkHash })
}

/** Two machines, partly alike, with compressible and incompressible data and holes. */
export function twoMachines(): MemorySource {
  const shared = seededBytes(300_000, 1)
  const text = new TextEncoder().encode('all work and no play makes jack a dull boy. '.repeat(12_000))
  const alphaSda = new Uint8Array(1_200_000)
  alphaSda.set(shared)
  alphaSda.set(text.subarray(0, 400_000), 401_408)
  const alphaSdb = new Uint8Array(400_000)
  alphaSdb.set(seededBytes(150_000, 2), 81_920)
  const bravoSda = new Uint8Array(900_000)
  bravoSda.set(shared)
  bravoSda.set(seededBytes(200_000, 3), 532_480)
  return memorySource({
    machines: [
      { name: 'alpha', disks: { sda: alphaSda, sdb: alphaSdb } },
      { name: 'bravo', disks: { sda: bravoSda } },
    ],
  })
}

/** Changes a little of both machines, as a day of work would. */
function passOneDay(source: MemorySource, day: number): void {
  source.mutate('alpha', 'sda', 250_000, seededBytes(40_000, day * 10))
  source.mutate('alpha', 'sda', 820_000, seededBytes(60_000, day * 10 + 3))
  source.mutate('alpha', 'sdb', 200_000, seededBytes(60_000, day * 10 + 1))
  source.mutate('bravo', 'sda', 680_000, seededBytes(100_000, day * 10 + 2))
}

/** What a recovery point must give back: bytes by disk. */
export type Truth = ReadonlyMap<string, Uint8Array>

/** A filled repository, what each of its points holds, and one object of each kind to harm. */
export interface Vault {
  readonly protection: Protection
  readonly target: MemoryTarget
  readonly source: MemorySource
  readonly host: EngineHost
  readonly chain: readonly TransformPlugin[]
  readonly repository: Repository
  readonly truths: ReadonlyMap<string, { readonly machine: string; readonly disks: Truth }>
  /** Two objects of each kind: the victim, and another of its kind to swap with. */
  readonly victims: Readonly<Record<ObjectKind, readonly [string, string]>>
}

export const objectKinds = [
  'description',
  'description copy',
  'key',
  'key copy',
  'data pack',
  'tree pack',
  'index',
  'point',
  'point copy',
  'verification',
  'hold',
  'condemned',
  'writer',
] as const

export type ObjectKind = (typeof objectKinds)[number]

/**
 * Backs both machines up on two days, each in a run of its own, so that every machine has packs of its own.
 *
 * `also` are further targets of the same runs; their repositories are made here too.
 */
export async function filledVault(protection: Protection, also: readonly PipelineTarget[] = []): Promise<Vault> {
  const target = memoryTarget()
  const source = twoMachines()
  const clock = { daysAgo: 3 }
  const host = hostAt(clock)
  const chain = chainFor(protection)
  const place = { name: 'vault', plugin: target }
  const repository = await initVault(place, chain, host)
  for (const other of also) await initVault(other, other.transforms ?? chain, host)
  const truths = new Map<string, { readonly machine: string; readonly disks: Truth }>()
  const added = new Map<string, readonly string[]>()
  const backUp = async (machine: string, isKept = true): Promise<string> => {
    const before = new Set<string>(target.objects.keys())
    const pipeline: Pipeline = {
      name: 'nightly',
      source,
      select: { include: [machine] },
      transforms: chain,
      targets: [place, ...(isKept ? also : [])],
    }
    const report = await runPipeline(pipeline, host, call)
    const point = report.machines[0]?.points[0]?.point
    if (report.status !== 'done' || point === undefined) throw new Error(JSON.stringify(report))
    const names = machine === 'alpha' ? ['sda', 'sdb'] : ['sda']
    truths.set(point, { machine, disks: new Map(names.map((disk) => [disk, source.bytes(machine, disk)])) })
    added.set(
      point,
      target.objects.keys().filter((key) => !before.has(key)),
    )
    return point
  }
  const first = [await backUp('alpha'), await backUp('bravo')] as const
  clock.daysAgo = 2
  passOneDay(source, 1)
  await backUp('alpha')
  await backUp('bravo')

  clock.daysAgo = 0
  await using pool = workerPool(1)
  await verifyRepository(repository, pool, { ...call, readData: true })
  const { entries } = await repository.points.list(call)
  for (const entry of entries.slice(0, 2)) await repository.points.hold(entry, true, call)
  const writers = ['writers/aaaaaaaaaaaaaaaaaaaaaaaa-0', 'writers/bbbbbbbbbbbbbbbbbbbbbbbb-0'] as const
  for (const key of writers) {
    const lease = { id: key.slice(8, 32), host: 'elsewhere', boot: 'x', pid: 1, renewedAt: new Date().toISOString() }
    target.objects.overwrite(key as never, new TextEncoder().encode(JSON.stringify(lease)))
  }
  for (let round = 2; round < 4; round++) {
    passOneDay(source, round)
    const lost = await backUp('bravo', false)
    truths.delete(lost)
    const entry = (await repository.points.list(call)).entries.find(({ point }) => point.id === lost)
    if (entry !== undefined) await repository.points.remove(entry, call)
    await pruneRepository(repository, { ...call, dryRun: false, retentionOf: () => undefined })
  }

  const startingWith = (keys: readonly string[], prefix: string): string => {
    const found = keys.find((key) => key.startsWith(prefix))
    if (found === undefined) throw new Error(`nothing under ${prefix}`)
    return found
  }
  const all = target.objects.keys()
  const pair = (prefix: string): readonly [string, string] => {
    const found = all.filter((key) => key.startsWith(prefix))
    return [found[0] ?? '', found[1] ?? found[0] ?? '']
  }
  const ofRun = (point: string, prefix: string, kind?: number): string => {
    const keys = (added.get(point) ?? []).filter((key) => key.startsWith(prefix))
    return startingWith(
      keys.filter((key) => kind === undefined || target.objects.find(key as never)?.bytes[5] === kind),
      prefix,
    )
  }
  const [alpha, bravo] = first
  const keyNames = all.filter((key) => key.startsWith('keys/'))
  return {
    protection,
    target,
    source,
    host,
    chain,
    repository,
    truths,
    victims: {
      description: ['holdfast.json', 'README.txt'],
      'description copy': ['holdfast-copy.json', 'README.txt'],
      key: [keyNames.find((key) => !key.endsWith('-copy')) ?? '', 'holdfast.json'],
      'key copy': [keyNames.find((key) => key.endsWith('-copy')) ?? '', 'holdfast.json'],
      'data pack': [ofRun(alpha, 'packs/', 0), ofRun(bravo, 'packs/', 0)],
      'tree pack': [ofRun(alpha, 'packs/', 1), ofRun(bravo, 'packs/', 1)],
      index: [ofRun(alpha, 'index/'), ofRun(bravo, 'index/')],
      point: [ofRun(alpha, 'points/'), ofRun(bravo, 'points/')],
      'point copy': [ofRun(alpha, 'point-copies/'), ofRun(bravo, 'point-copies/')],
      verification: pair('verified/'),
      hold: pair('holds/'),
      condemned: pair('condemned/'),
      writer: writers,
    },
  }
}
