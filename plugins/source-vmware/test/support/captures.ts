import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type {
  CallOptions,
  Capture,
  ChangeToken,
  DiskId,
  Extent,
  Logger,
  MachineRef,
  PluginContext,
  SourceSession,
} from '@holdfast/core'
import { connectVim, type MoRef, runTask } from '@holdfast/protocol-vim'
import type { FakeVsphere } from '@holdfast/protocol-vim/testing'
import { silentLogger } from '@holdfast/testkit'
import { onTestFinished } from 'vitest'
import type { VmwareSourceOptions } from '../../src/index.js'
import { type FakeSite, siteContext } from './fake-site.js'

export const call: CallOptions = { signal: new AbortController().signal }

/** A folder that is gone after the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-vmware-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  return folder
}

/** Logs what is said, without its fields. */
export function lines(): { readonly logger: Logger; readonly said: string[] } {
  const said: string[] = []
  const say = (message: string) => void said.push(message)
  return { said, logger: { ...silentLogger, info: say, warn: say } }
}

/** The first machine of a source. */
export async function only(session: SourceSession): Promise<MachineRef> {
  for await (const machine of session.discover({}, call)) return machine
  throw new Error('no machine')
}

/** Captures it. */
export async function take(
  session: SourceSession,
  previous: ReadonlyMap<DiskId, ChangeToken> = new Map(),
): Promise<Capture> {
  await using prepared = await session.prepare(await only(session), { previous }, call)
  return await prepared.take(call)
}

/** Tokens for the next capture. */
export function tokensOf({ disks }: Capture): ReadonlyMap<DiskId, ChangeToken> {
  return new Map(
    disks.flatMap(({ id, changeToken }) => (changeToken === undefined ? [] : [[id, changeToken] as const])),
  )
}

/** All of a disk. */
export async function contentOf(capture: Capture, disk = 0): Promise<Buffer> {
  const found = capture.disks[disk]
  if (found === undefined) throw new Error('no disk')
  const into = Buffer.alloc(found.sizeBytes)
  await found.readInto(0, into, call)
  return into
}

/** Extents of a disk. */
export async function extentsOf(capture: Capture, since: ChangeToken | undefined, disk = 0) {
  const all: Extent[] = []
  for await (const extent of capture.disks[disk]?.extents(since, call) ?? []) all.push(extent)
  return all
}

/** Opens a source of a site. */
export async function opened(some: Partial<VmwareSourceOptions>, site: FakeSite, context: Partial<PluginContext> = {}) {
  return await site.source(some).open(siteContext(context.tempDir ?? temporaryFolder(), context))
}

/** Takes a snapshot as somebody else does. */
export async function userSnapshot(server: FakeVsphere, machine: MoRef | undefined, name = 'mine'): Promise<void> {
  await using session = await connectVim(server.address, { user: 'user', password: 'pass' })
  if (machine !== undefined)
    await runTask(session, machine, 'CreateSnapshot_Task', { name, memory: false, quiesce: false })
}

/** Names of the snapshots of a machine, from the first on. */
export function treeNames({ objects }: FakeVsphere, machine: MoRef | undefined): readonly string[] {
  const names: string[] = []
  let list = machine === undefined ? undefined : objects.get(machine, 'snapshot.rootSnapshotList')
  while (Array.isArray(list) && list.length > 0) {
    const [node] = list as readonly { readonly name: string; readonly childSnapshotList: unknown }[]
    names.push(node?.name ?? '')
    list = node?.childSnapshotList as typeof list
  }
  return names
}
