import { Buffer } from 'node:buffer'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { BackupError, type TargetPlugin } from '@holdfast/core'
import { restorePoint, runPipeline, type WorkerPool, workerPool } from '@holdfast/core/engine'
import { placeInFolder } from '@holdfast/machine-files'
import { imageSource } from '@holdfast/source-image'
import { diskTarget } from '@holdfast/target-disk'
import { failNth, faultySource } from '@holdfast/testkit/faults'
import { seededBytes } from '@holdfast/testkit/images'
import { memorySource, memoryTarget } from '@holdfast/testkit/memory'
import { mountTmpfs, skipsWithoutTmpfs, tempFolder } from 'holdfast-lab'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { asBackupError, outcomeOf, refusal, restoreAll } from './support/outcome.js'
import { call, chainFor, filledVault, hostAt, initVault, openVault, type Truth, twoMachines } from './support/vault.js'

const host = hostAt({ daysAgo: 0 })
const { at } = tempFolder(afterAll)
const isWithoutTmpfs = skipsWithoutTmpfs()
let pool: WorkerPool
beforeAll(() => {
  pool = workerPool(1)
})
afterAll(async () => {
  await pool[Symbol.asyncDispose]()
})

function truthsOf(
  source: ReturnType<typeof memorySource>,
  machines: Awaited<ReturnType<typeof runPipeline>>['machines'],
) {
  return new Map(
    machines.flatMap(({ machine, disks, points }) =>
      points.slice(0, 1).map(({ point }) => {
        const truth: Truth = new Map(disks.map(({ disk }) => [disk, source.bytes(machine, disk)]))
        return [String(point), { disks: truth }] as const
      }),
    ),
  )
}

describe('a target without room', () => {
  const chain = chainFor('plain')
  const big = () => memorySource({ machines: [{ name: 'big', disks: { sda: seededBytes(24 * 2 ** 20, 9) } }] })

  const fillUp = async (plugin: TargetPlugin, makeRoom: () => void) => {
    const small = twoMachines()
    const place = { name: 'vault', plugin }
    await initVault(place, chain, host)
    const first = await runPipeline({ name: 'n', source: small, transforms: chain, targets: [place] }, host, call)
    expect(first.status).toBe('done')
    const truths = truthsOf(small, first.machines)
    const full = await runPipeline({ name: 'n', source: big(), transforms: chain, targets: [place] }, host, call)
    expect(full.status).toBe('failed')
    const [failed] = full.targets
    expect(failed?.error?.code).toBe('E_TARGET_FULL')
    expect(failed?.error?.hint).toBeTruthy()
    const repository = await openVault(place, chain, host)
    const { report, restored } = await outcomeOf(repository, truths, pool)
    expect(report.damage).toEqual([])
    expect([...restored.values()].map(({ how }) => how)).toEqual(['same', 'same'])
    makeRoom()
    const source = big()
    const again = await runPipeline({ name: 'n', source, transforms: chain, targets: [place] }, host, call)
    expect(again.status).toBe('done')
    const all = new Map([...truths, ...truthsOf(source, again.machines)])
    expect([...(await restoreAll(repository, all, pool)).values()].every(({ how }) => how === 'same')).toBe(true)
  }

  it('keeps what it has and takes the run once there is room', async () => {
    if (isWithoutTmpfs) {
      // A full disk is played by the memory target.
      const target = memoryTarget({ capacityBytes: 8 * 2 ** 20 })
      const roomy = memoryTarget()
      let current: TargetPlugin = target
      const plugin: TargetPlugin = { ...target, open: (context) => current.open(context) }
      await fillUp(plugin, () => {
        for (const name of target.objects.keys())
          roomy.objects.overwrite(name, target.objects.find(name)?.bytes ?? new Uint8Array())
        current = roomy
      })
      return
    }
    using mount = mountTmpfs(at('mount-full'), '8m')
    await fillUp(diskTarget({ path: join(mount.path, 'vault') }), () => mount.remount('size=96m'))
  }, 60_000)

  it('is read, verified and restored from while it takes no writes', async () => {
    const path = at('read-only')
    mkdirSync(path)
    using mount = isWithoutTmpfs ? undefined : mountTmpfs(path, '64m')
    const place = { name: 'vault', plugin: diskTarget({ path: join(path, 'vault') }) }
    const source = twoMachines()
    await initVault(place, chain, host)
    const first = await runPipeline({ name: 'n', source, transforms: chain, targets: [place] }, host, call)
    if (mount === undefined) return
    mount.remount('ro')
    const error = await refusal(runPipeline({ name: 'n', source, transforms: chain, targets: [place] }, host, call))
    expect(error.code).toBe('E_TARGET_READ_ONLY')
    expect(error.hint).toBeTruthy()
    const { report, restored } = await outcomeOf(
      await openVault(place, chain, host),
      truthsOf(source, first.machines),
      pool,
    )
    expect(report.ok).toBe(true)
    expect([...restored.values()].every(({ how }) => how === 'same')).toBe(true)
  }, 60_000)

  it.skipIf(isWithoutTmpfs)(
    'in a restore leaves nothing half restored',
    async () => {
      using mount = mountTmpfs(at('mount-restore'), '512k')
      const vault = await filledVault('plain')
      const [entry] = (await vault.repository.points.list(call)).entries
      if (entry === undefined) throw new Error('no point')
      const error = await refusal(
        restorePoint(
          vault.repository,
          entry.point,
          (machine, disks) => placeInFolder(mount.path, machine, disks),
          pool,
          call,
        ),
      )
      expect(error.code).toBe('E_PLACEMENT')
      expect(error.message).toContain('full')
      expect(readdirSync(mount.path)).toEqual([])
    },
    60_000,
  )
})

describe('a disk that cannot be read', () => {
  it('fails its machine alone, and the next run stores it', async () => {
    const chain = chainFor('plain')
    const place = { name: 'vault', plugin: memoryTarget() }
    await initVault(place, chain, host)
    const source = twoMachines()
    const fault = failNth(
      { operation: 'readInto', nth: 2 },
      () => new BackupError('E_SOURCE_READ', 'A sector cannot be read.'),
    )
    const pipeline = {
      name: 'n',
      source: faultySource(source, fault),
      transforms: chain,
      targets: [place],
      limits: { machines: 1, disksPerMachine: 1 },
    }
    const partial = await runPipeline(pipeline, host, call)
    expect(partial.status).toBe('partial')
    const failed = partial.machines.filter(({ status }) => status === 'failed')
    expect(failed).toHaveLength(1)
    expect(failed[0]?.error?.code).toBe('E_SOURCE_READ')
    const whole = await runPipeline(pipeline, host, call)
    expect(whole.status).toBe('done')
    const truths = new Map([...truthsOf(source, partial.machines), ...truthsOf(source, whole.machines)])
    const { report, restored } = await outcomeOf(await openVault(place, chain, host), truths, pool)
    expect(report.damage).toEqual([])
    expect(restored.size).toBe(3)
    expect([...restored.values()].every(({ how }) => how === 'same')).toBe(true)
  }, 60_000)
})

describe('names that reach for other places', () => {
  const long = 'x'.repeat(300)
  const names = [
    '..',
    '../../escape',
    '/etc/passwd',
    'nul\0byte',
    long,
    'ü'.repeat(250),
    '.hidden',
    ' ',
    'CON',
    'com1.txt',
    'a:b',
    'dot.',
    'back\\slash',
    '%2e%2e',
    'line\nbreak',
    '\u202eevil',
    '-rf',
    'C:\\Windows',
    '.x.restoring',
  ]

  it('come back whole, below the folder and nowhere else', async () => {
    const chain = chainFor('plain')
    const place = { name: 'vault', plugin: diskTarget({ path: at('names', 'vault') }) }
    mkdirSync(at('names'), { recursive: true })
    const machines = names.map((name, i) => ({
      name,
      disks: {
        [name]: seededBytes(9000, i),
        [`${name}.`]: seededBytes(5000, i + 100),
        sda: seededBytes(4096, i + 200),
      },
    }))
    const source = memorySource({ machines })
    await initVault(place, chain, host)
    const report = await runPipeline({ name: '../n', source, transforms: chain, targets: [place] }, host, call)
    expect(report.status).toBe('done')
    const repository = await openVault(place, chain, host)
    const { entries } = await repository.points.list(call)
    expect(entries).toHaveLength(names.length)
    const around = readdirSync(at('names')).sort()
    const out = at('names', 'deep', 'out')
    const locations = new Set<string>()
    for (const { point } of entries) {
      const restored = await restorePoint(
        repository,
        point,
        (machine, disks) => placeInFolder(out, machine, disks),
        pool,
        call,
      )
      locations.add(restored.location)
      expect(restored.location.startsWith(`${out}/`)).toBe(true)
      const described = JSON.parse(readFileSync(join(restored.location, 'machine.json'), 'utf8'))
      expect(described.name).toBe(point.machine.name)
      for (const { id, file } of described.disks) {
        expect(
          readFileSync(join(restored.location, file)).equals(source.bytes(point.machine.name, id)),
          `${id} of ${point.machine.name}`,
        ).toBe(true)
      }
    }
    expect(locations.size).toBe(names.length)
    expect(readdirSync(out)).toHaveLength(names.length)
    expect(readdirSync(at('names')).sort()).toEqual([...around, 'deep'].sort())
    expect(readdirSync(at('names', 'deep'))).toEqual(['out'])
    for (const name of readdirSync(out)) expect(Buffer.byteLength(name)).toBeLessThanOrEqual(255)
  }, 60_000)

  it.each([
    ['an id of dots', { id: '..' }],
    ['an id with a slash', { id: '../web' }],
    ['a disk outside', { disks: [{ id: 'sda', file: '../../secret' }] }],
    ['an absolute disk', { disks: [{ id: 'sda', file: '/etc/passwd' }] }],
    ['a disk with NUL', { disks: [{ id: 'sda', file: 'a\0b' }] }],
    ['memory beyond all numbers', { memoryBytes: 1e300 }],
    ['5000 disks', { disks: Array.from({ length: 5000 }, (_, i) => ({ id: `d${i}`, file: `${i}.raw` })) }],
    ['an id of 300 characters', { id: long }],
    ['nothing but depth', '['.repeat(2_000_000)],
    ['nine MiB', ' '.repeat(9 * 2 ** 20)],
  ] as const)('in a machine.json with %s are refused by name', async (what, content) => {
    const machines = at('described', what.replaceAll(' ', '-'))
    mkdirSync(join(machines, 'web'), { recursive: true })
    writeFileSync(
      join(machines, 'web', 'machine.json'),
      typeof content === 'string' ? content : JSON.stringify(content),
    )
    writeFileSync(join(machines, 'web', 'sda.raw'), seededBytes(8192, 1))
    const place = { name: 'vault', plugin: memoryTarget() }
    await initVault(place, [], host)
    const source = imageSource({ path: machines })
    const startedAt = Date.now()
    const outcome = await runPipeline({ name: 'n', source, targets: [place] }, host, call).catch(asBackupError)
    const error = 'machines' in outcome ? outcome.machines[0]?.error : outcome
    expect(error?.code).toBe('E_SOURCE_INVALID')
    expect(error?.message).toContain('machine.json')
    expect(Date.now() - startedAt).toBeLessThan(5000)
    expect(place.plugin.objects.keys().some((name) => name.startsWith('points/'))).toBe(false)
  })
})
