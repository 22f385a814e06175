// biome-ignore-all lint/correctness/useImportExtensions: Node runs this file as it is
// Does one job that the crash suite gives it, and is killed by it meanwhile.
import { writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { type TargetPlugin, wrapTarget } from '@holdfast/core'
import {
  addKey,
  copyPoints,
  listKeys,
  openTargetRepository,
  pruneRepository,
  revokeKey,
  rotateKeys,
  runPipeline,
} from '@holdfast/core/engine'
import type { Repository } from '@holdfast/core/repository'
import { accessOf, type CrashJob, type CrashSite, crashHost, pipelineOf, retention, transforms } from './crash-site.ts'

const call = { signal: new AbortController().signal }
const host = crashHost()

/** Tells the parent of the first write: what comes before it leaves nothing behind. */
function announcing(inner: TargetPlugin): TargetPlugin {
  let announced = false
  const announce = (): void => {
    if (!announced) writeSync(1, 'writing\n')
    announced = true
  }
  return wrapTarget(inner, (session) => ({
    ...session,
    put: (key, body, options) => {
      announce()
      return session.put(key, body, options)
    },
    remove: (key, options) => {
      announce()
      return session.remove(key, options)
    },
  }))
}

type Job = (repository: Repository, site: CrashSite) => Promise<unknown>

const jobs: Readonly<Record<Exclude<CrashJob['action'], 'run'>, Job>> = {
  prune: (repository) =>
    pruneRepository(repository, { ...call, dryRun: false, retentionOf: () => retention, transforms, workers: 1 }),
  copy: async (repository, site) => {
    await using from = await openTargetRepository(accessOf(site.vault), host, call)
    const { entries } = await from.repository.points.list(call)
    return await copyPoints(from.repository, repository, entries, { ...call, transforms, workers: 1 })
  },
  rotate: (repository) => rotateKeys(repository, call),
  // A killed change may or may not have been made: one that is not possible any more becomes a rotation.
  add: (repository) =>
    hasSecond(repository) ? rotateKeys(repository, call) : addKey(repository, 'second', 'second', call),
  revoke: (repository) =>
    hasSecond(repository) ? revokeKey(repository, 'second', call) : rotateKeys(repository, call),
}

async function perform({ action, site }: CrashJob): Promise<void> {
  if (action === 'run') {
    await runPipeline(pipelineOf(site, announcing), host, call)
    return
  }
  await using opened = await openTargetRepository(
    accessOf(action === 'copy' ? site.copy : site.vault, announcing),
    host,
    call,
  )
  await jobs[action](opened.repository, site)
}

function hasSecond(repository: Repository): boolean {
  return listKeys(repository).slots.some((slot) => slot.label === 'second')
}

for await (const line of createInterface({ input: process.stdin })) {
  await perform(JSON.parse(line) as CrashJob)
  writeSync(1, 'done\n')
  break
}
process.exit(0)
