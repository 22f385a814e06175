import { rm } from 'node:fs/promises'
import {
  cancelJob,
  isQmpError,
  type QmpSession,
  queryBlockDevices,
  queryBlockExports,
  queryBlockNodes,
  queryJobs,
  queryObjectNames,
} from '@holdfast/protocol-qmp'
import type { Owner } from '../monitor/owner.js'
import { filteredNode, type OwnedName, type Role, readOwnedName } from './names.js'

/** How long an export may take to go: its clients are cut off. */
const exportGoneMs = 10_000

/**
 * Takes out of QEMU all that the given owners put there, finds it by name, and removes its scratch files.
 *
 * The one way in which anything is released: after a capture, after a failure, by the janitor, and by the next run.
 * Guarantee: the guest reads and writes its own disks again, and runs if an owner had paused it. Bitmaps are left: a recovery
 * point may need them.
 * Idempotency: harmless when nothing is there.
 *
 * @throws QmpError for the first thing that could not be taken out, after all others were tried
 */
export async function cleanUp(session: QmpSession, isTheirs: (owner: Owner) => boolean): Promise<void> {
  const failures: unknown[] = []
  const attempt = async (action: () => Promise<unknown>) => {
    await action().catch((error: unknown) => failures.push(error))
  }
  const theirs = (name: string): OwnedName | undefined => {
    const found = readOwnedName(name)
    return found !== undefined && isTheirs(found.owner) ? found : undefined
  }

  // First of all the guest goes on.
  const marks = (await queryObjectNames(session)).filter((name) => theirs(name) !== undefined)
  for (const mark of marks.filter((name) => theirs(name)?.role === 'paused')) {
    await attempt(async () => {
      await session.execute('cont')
      await session.execute('object-del', { id: mark })
    })
  }

  for (const { id } of await queryJobs(session))
    if (theirs(id) !== undefined) await attempt(() => cancelJob(session, id))

  for (const { id } of await queryBlockExports(session))
    if (theirs(id) !== undefined) await attempt(() => removeExport(session, id))
  for (const mark of marks.filter((name) => theirs(name)?.role === 'server')) {
    await attempt(async () => {
      // Somebody else may use the server by now.
      if ((await queryBlockExports(session)).length === 0) await unlessRefused(session.execute('nbd-server-stop'))
      await session.execute('object-del', { id: mark })
    })
  }

  const nodes = await queryBlockNodes(session)
  const nodesOf = (role: Role) => nodes.filter(({ nodeName }) => theirs(nodeName)?.role === role)
  for (const role of ['target', 'snapshot'] as const)
    for (const { nodeName } of nodesOf(role)) await attempt(() => removeNode(session, nodeName))
  const bases = new Map(
    nodesOf('filter').map(({ nodeName, bitmaps }) => [
      nodeName,
      bitmaps.map(({ name }) => filteredNode(name)).find((name) => name !== undefined),
    ]),
  )
  for (const { qdev, node } of await queryBlockDevices(session)) {
    const base = node === undefined ? undefined : bases.get(node.nodeName)
    if (qdev !== undefined && base !== undefined) await attempt(() => attach(session, qdev, base))
  }
  for (const filter of bases.keys()) await attempt(() => removeNode(session, filter))
  for (const { nodeName, filename } of nodesOf('scratch')) {
    await attempt(async () => {
      await removeNode(session, nodeName)
      // QEMU may run elsewhere, or as another user: its own folder is then tidied by its owner.
      await rm(filename, { force: true }).catch(() => undefined)
    })
  }
  if (failures.length > 0) throw failures[0]
}

/** Lists the owners of what is in QEMU. */
export async function ownersIn(session: QmpSession): Promise<ReadonlySet<Owner>> {
  const nodes = await queryBlockNodes(session)
  const jobs = await queryJobs(session)
  const names = [
    ...(await queryObjectNames(session)),
    ...nodes.map(({ nodeName }) => nodeName),
    ...jobs.map(({ id }) => id),
  ]
  return new Set(names.flatMap((name) => readOwnedName(name)?.owner ?? []))
}

/** Puts a node under a guest's device. The guest may run, and notices nothing. */
export async function attach(session: QmpSession, qdev: string, node: string): Promise<void> {
  await session.execute('qom-set', { path: qdev, property: 'drive', value: node })
}

async function removeExport(session: QmpSession, id: string): Promise<void> {
  using gone = session.expectEvent(({ name, data }) => name === 'BLOCK_EXPORT_DELETED' && data['id'] === id, {
    timeoutMs: exportGoneMs,
  })
  await session.execute('block-export-del', { id, mode: 'hard' })
  await gone.event
}

async function removeNode(session: QmpSession, node: string): Promise<void> {
  await session.execute('blockdev-del', { 'node-name': node })
}

async function unlessRefused(command: Promise<unknown>): Promise<void> {
  await command.catch((error: unknown) => {
    if (!isQmpError(error) || error.code !== 'command') throw error
  })
}
