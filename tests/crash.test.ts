import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type OpenRepositoryTarget,
  openTarget,
  openTargetRepository,
  pruneRepository,
  repositoryAccess,
  restorePoint,
  runPipeline,
  verifyRepository,
  workerPool,
} from '@holdfast/core/engine'
import { initRepository } from '@holdfast/core/repository'
import { seededNumbers } from '@holdfast/testkit/images'
import { tempFolder } from 'holdfast-lab'
import { afterAll, describe, expect, test } from 'vitest'
import {
  accessOf,
  type CrashJob,
  type CrashSite,
  changeMachines,
  crashHost,
  filesBelow,
  machineDigests,
  makeMachines,
  pipelineOf,
  retention,
  sha256,
  transforms,
} from './support/crash-site.js'
import { memoryPlacement } from './support/lab.js'

const seed = Number(process.env['HOLDFAST_CRASH_SEED'] ?? Date.now() % 1_000_000)
process.stdout.write(`crash suite: HOLDFAST_CRASH_SEED=${seed}\n`)

const call = { signal: new AbortController().signal }
const host = crashHost()
const children = new Set<ChildProcess>()
const { at } = tempFolder(afterAll)

afterAll(() => {
  for (const child of children) child.kill('SIGKILL')
})

interface Child {
  readonly process: ChildProcess
  readonly lines: Interface
}

/** Starts a child that waits for its job: what it loads is not what is to be killed. */
function startChild(): Child {
  const process_ = spawn(process.execPath, [join(import.meta.dirname, 'support', 'crash-main.ts')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  children.add(process_)
  process_.on('exit', () => children.delete(process_))
  return { process: process_, lines: createInterface({ input: process_.stdout as NodeJS.ReadableStream }) }
}

/** Gives a child its job and kills it so many ms after its first write; tells how long it wrote when it was left alone. */
async function perform(child: Child, job: CrashJob, killAfterMs: number | undefined): Promise<number> {
  const exited = once(child.process, 'exit')
  const said = child.lines[Symbol.asyncIterator]()
  child.process.stdin?.write(`${JSON.stringify(job)}\n`)
  expect((await Promise.race([said.next(), exited.then(() => ({ value: 'it ended' }))])).value).toBe('writing')
  const started = performance.now()
  if (killAfterMs === undefined) {
    expect((await said.next()).value).toBe('done')
    return performance.now() - started
  }
  await Promise.race([exited, sleep(killAfterMs)])
  child.process.kill('SIGKILL')
  await exited
  return performance.now() - started
}

interface Scenario {
  readonly site: CrashSite
  readonly random: () => number
  /** Does a job in a child that is killed at a random instant of how long the job takes. */
  readonly kill: (action: CrashJob['action']) => Promise<void>
  /** Nothing is damaged, and every point restores to what its machine was when it was taken. */
  readonly check: (vault: string) => Promise<void>
  readonly change: () => Promise<void>
  readonly run: () => Promise<void>
  readonly prune: (vault: string) => Promise<void>
  readonly kills: () => number
}

async function scenario(number: number, keysChange: boolean): Promise<Scenario> {
  const name = `scenario-${number}`
  const site: CrashSite = { machines: at(name, 'machines'), vault: at(name, 'vault'), copy: at(name, 'copy') }
  await mkdir(at(name))
  const random = seededNumbers(seed + number)
  await makeMachines(site, seed)
  for (const vault of [site.vault, site.copy]) {
    await using opened = await openTarget(accessOf(vault), host, call)
    await initRepository(opened.store, await repositoryAccess(accessOf(vault), host, call), undefined, call)
  }
  /** What each machine held on a day; a point's day is told by when it was taken. */
  const days: { readonly since: number; readonly digests: Readonly<Record<string, string>> }[] = []
  const note = async () => days.push({ since: Date.now(), digests: await machineDigests(site) })
  await note()
  /** Opened once where keys stay as they are: runs and children open anew each time, and scrypt is slow on purpose. */
  const open = new Map<string, Promise<OpenRepositoryTarget>>()
  const openForCheck = (vault: string) => {
    const known = keysChange && vault === site.vault ? undefined : open.get(vault)
    const opened = known ?? openTargetRepository(accessOf(vault), host, call)
    open.set(vault, opened)
    return opened
  }
  const durations = new Map<CrashJob['action'], number>()
  let next = startChild()
  let day = 0
  let kills = 0
  const child = () => {
    const ready = next
    next = startChild()
    return ready
  }
  return {
    site,
    random,
    kills: () => kills,
    kill: async (action) => {
      const normal = durations.get(action) ?? (await perform(child(), { action, site }, undefined))
      if (!durations.has(action)) {
        durations.set(action, normal)
        return
      }
      await perform(child(), { action, site }, (normal * (random() % 1000)) / 900)
      kills++
    },
    check: async (vault) => {
      const opened = await openForCheck(vault)
      await using pool = workerPool(1)
      const report = await verifyRepository(opened.repository, pool, { ...call, readData: true })
      expect(report.damage).toEqual([])
      const { entries } = await opened.repository.points.list(call)
      for (const { point } of entries) {
        const taken = Date.parse(point.takenAt)
        const digests = days.findLast((candidate) => candidate.since <= taken)?.digests
        const { disks, provision } = memoryPlacement()
        await restorePoint(opened.repository, point, provision, pool, call)
        expect(sha256(disks.get('disk') ?? new Uint8Array())).toBe(digests?.[point.machine.name])
      }
    },
    change: async () => {
      await changeMachines(site, ++day, random)
      await sleep(25)
      await note()
    },
    run: async () => {
      const report = await runPipeline(pipelineOf(site), host, call)
      expect(report.status).toBe('done')
    },
    prune: async (vault) => {
      await using opened = await openTargetRepository(accessOf(vault), host, call)
      const options = { ...call, dryRun: false, retentionOf: () => retention, transforms, workers: 1 }
      await pruneRepository(opened.repository, options)
      const again = await pruneRepository(opened.repository, options)
      expect(again).toMatchObject({ removedPoints: 0, removedPacks: 0, waitingPacks: 0 })
      await using pool = workerPool(1)
      const report = await verifyRepository(opened.repository, pool, { ...call, readData: true })
      expect(report.damage).toEqual([])
      // Whoever opens the target a day later clears what was half written.
      const tomorrow = { ...host, clock: { ...host.clock, now: () => new Date(Date.now() + 25 * 3_600_000) } }
      await (await openTarget(accessOf(vault), tomorrow, call))[Symbol.asyncDispose]()
      const files = await filesBelow(vault)
      expect(files.filter((file) => file.startsWith('packs/'))).toHaveLength(report.checkedPacks)
      expect(files.filter((file) => /^(writers|condemned|\.incoming)\//.test(file))).toEqual([])
    },
  }
}

describe('killed at any instant, nothing that was committed is lost and the next call goes on', () => {
  test.concurrent('runs and prunes', { timeout: 600_000 }, async () => {
    const { kill, check, change, run, prune, site, kills } = await scenario(1, false)
    await run()
    for (const action of ['run', 'prune'] as const) await kill(action)
    for (let round = 0; round < 18; round++) {
      await change()
      await kill('run')
      await check(site.vault)
      await run()
      await kill('prune')
      await check(site.vault)
      if (round % 6 === 5) await prune(site.vault)
    }
    await run()
    await check(site.vault)
    await prune(site.vault)
    expect(kills()).toBe(36)
  })

  test.concurrent('copies and changes of keys', { timeout: 600_000 }, async () => {
    const { kill, check, change, run, prune, site, kills } = await scenario(2, true)
    await run()
    const keys = ['rotate', 'add', 'revoke'] as const
    for (const action of ['copy', ...keys] as const) await kill(action)
    for (let round = 0; round < 14; round++) {
      await change()
      await run()
      await kill('copy')
      await check(site.copy)
      await kill(keys[round % 3] ?? 'rotate')
      await check(site.vault)
      if (round % 7 === 6) for (const vault of [site.vault, site.copy]) await prune(vault)
    }
    expect(kills()).toBe(28)
  })
})
