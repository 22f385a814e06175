import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import {
  openTarget,
  openTargetRepository,
  pruneRepository,
  repositoryAccess,
  restorePoint,
  verifyRepository,
  workerPool,
} from '@holdfast/core/engine'
import { initRepository } from '@holdfast/core/repository'
import { tempFolder } from 'holdfast-lab'
import { afterAll, describe, expect, test } from 'vitest'
import { accessOf, crashHost, filesBelow, sha256, transforms } from './support/crash-site.js'
import { memoryPlacement } from './support/lab.js'

const call = { signal: new AbortController().signal }
const host = crashHost()
const children = new Set<ChildProcess>()
const { at } = tempFolder(afterAll)

afterAll(() => {
  for (const child of children) child.kill('SIGKILL')
})

interface Outcome {
  readonly code: unknown
  readonly output: string
  readonly errors: string
}

function start(job: object): { readonly process: ChildProcess; readonly outcome: Promise<Outcome> } {
  const script = join(import.meta.dirname, 'support', 'writer-main.ts')
  const child = spawn(process.execPath, [script, JSON.stringify(job)], { stdio: ['pipe', 'pipe', 'pipe'] })
  children.add(child)
  const outcome = Promise.all([once(child, 'exit'), text(child.stdout), text(child.stderr)]).then(
    ([[code], output, errors]) => ({ code, output, errors }),
  )
  return { process: child, outcome }
}

async function makeVault(): Promise<string> {
  const vault = at('vault')
  await using opened = await openTarget(accessOf(vault), host, call)
  await initRepository(opened.store, await repositoryAccess(accessOf(vault), host, call), undefined, call)
  return vault
}

describe('one repository', () => {
  test('takes four writers while prunes run beside them', { timeout: 400_000 }, async () => {
    const vault = await makeVault()
    const pruners = [1, 2].map((seed) => start({ kind: 'prune', rounds: 0, vault, machines: '', seed, suffix: '' }))
    // The first two hold the same machines, equal day by day; all start with equal contents and race for every chunk.
    const writers = ['-a', '-a', '-b', '-c'].map((suffix, number) => {
      const machines = join(vault, '..', `machines-${number}`)
      return start({ kind: 'write', rounds: 4, vault, machines, seed: 7, suffix })
    })
    const known = new Map<string, Set<string>>()
    for (const writer of writers) {
      const outcome = await writer.outcome
      expect(outcome).toMatchObject({ code: 0, errors: '' })
      for (const day of JSON.parse(outcome.output) as readonly Readonly<Record<string, string>>[]) {
        for (const [name, digest] of Object.entries(day)) known.set(name, (known.get(name) ?? new Set()).add(digest))
      }
    }
    let sweeps = 0
    for (const pruner of pruners) {
      pruner.process.stdin?.end('stop')
      const outcome = await pruner.outcome
      expect(outcome).toMatchObject({ code: 0, errors: '' })
      sweeps += (JSON.parse(outcome.output) as { sweeps: number }).sweeps
    }

    await using opened = await openTargetRepository(accessOf(vault), host, call)
    const { repository } = opened
    await using pool = workerPool(2)
    expect((await verifyRepository(repository, pool, { ...call, readData: true })).damage).toEqual([])
    const { entries } = await repository.points.list(call)
    for (const { point } of entries) {
      const { disks, provision } = memoryPlacement()
      await restorePoint(repository, point, provision, pool, call)
      expect(known.get(point.machine.name)).toContain(sha256(disks.get('disk') ?? new Uint8Array()))
    }
    expect(new Set(entries.map(({ point }) => point.machine.name))).toEqual(new Set(known.keys()))

    const options = { ...call, dryRun: false, retentionOf: () => ({ last: 1 }), transforms, workers: 1 }
    const last = await pruneRepository(repository, options)
    expect(sweeps + last.removedPacks).toBeGreaterThan(0)
    const after = await verifyRepository(repository, pool, { ...call, readData: true })
    expect(after.damage).toEqual([])
    const files = await filesBelow(vault)
    expect(files.filter((file) => file.startsWith('packs/'))).toHaveLength(after.checkedPacks)
    expect(files.filter((file) => /^(writers|condemned)\//.test(file))).toEqual([])
  })
})
