import { resolve } from 'node:path'
import type { DiskId } from '@holdfast/core'
import { openPointDisks, type PointDisks, type ReadableDisk } from '@holdfast/core/engine'
import type { Entry, Filesystem } from '@holdfast/filesystems'
import { type CopiedFiles, copyOut } from '../guest-files/copy-out.js'
import { entryColumns, entryDocument, entryRow } from '../guest-files/entry-lines.js'
import { type GuestPlace, guestPlace } from '../guest-files/guest-place.js'
import { contentName, fromGuest, guestVolumes, openGuestFilesystem, sizeOf } from '../guest-files/guest-volumes.js'
import type { Invocation, Outcome } from '../invocation.js'
import { usageError } from '../output.js'
import { printable } from '../render/printable.js'
import { renderTable } from '../render/table.js'
import { counted, formatBytes, formatDuration } from '../render/units.js'
import { openWorkingSession } from '../session.js'
import { findPoint, storedPoints } from '../stored-points.js'
import { chosenTargets } from '../target-access.js'

/** Where to read from. */
export interface FilesOptions {
  readonly target?: string
}

/** And where to copy to. */
export interface FilesGetOptions extends FilesOptions {
  readonly to: string
}

const shownProblems = 20

/** Lists the volumes of all disks of a point, or the folder or file of a place. */
export function filesList(
  invocation: Invocation,
  wanted: string,
  place: string | undefined,
  options: FilesOptions,
): Promise<Outcome> {
  return withPoint(invocation, wanted, place, options, async ({ disks }, found) => {
    const [disk] = disks
    if (found?.path === undefined || disk === undefined) return await listVolumes(invocation, disks)
    const { filesystem, entry } = await openPlace(disk, found, invocation)
    return await listEntries(invocation, filesystem, entry)
  })
}

/** Copies the file or folder of a place out of a point. */
export function filesGet(
  invocation: Invocation,
  wanted: string,
  place: string,
  { to, ...options }: FilesGetOptions,
): Promise<Outcome> {
  return withPoint(invocation, wanted, place, options, async ({ disks }, found) => {
    const { output, signal, cwd } = invocation
    const [disk] = disks
    if (found?.path === undefined || disk === undefined)
      throw usageError('A path is missing.', 'Write <disk>:<path>; the whole file system is <disk>:/.')
    const { filesystem, entry } = await openPlace(disk, found, invocation)
    for (const note of filesystem.notes) output.warning(note)
    const startedAt = performance.now()
    const name = entry.name === '' ? printable(disk.id) : entry.name
    const copied = await fromGuest(disk.id, () =>
      copyOut(filesystem, entry, resolve(cwd, to), name, {
        signal,
        onFile: ({ path, sizeBytes }) => output.event({ type: 'file-copied', path, sizeBytes }),
      }),
    )
    tellCopied(copied, performance.now() - startedAt, invocation)
    return {
      exitCode: copied.problemCount === 0 ? 0 : 3,
      result: { ...copied, disk: disk.id, notes: filesystem.notes },
    }
  })
}

async function withPoint(
  invocation: Invocation,
  wanted: string,
  place: string | undefined,
  options: FilesOptions,
  use: (opened: PointDisks, place: GuestPlace | undefined) => Promise<Outcome>,
): Promise<Outcome> {
  const { output, signal } = invocation
  await using session = await openWorkingSession(invocation)
  const targets = chosenTargets(session.config, options.target === undefined ? [] : [options.target])
  await using stored = await storedPoints(session, targets, invocation)
  const { repository, entry } = findPoint(stored, wanted, session)
  for (const { error } of stored.unreachable) output.error(error)
  const { point } = entry
  const ids = point.disks.map(({ id }) => id)
  const found = place === undefined ? undefined : guestPlace(place, ids)
  await using opened = await openPointDisks(repository, point, session.pool, {
    signal,
    ...(found !== undefined && { disks: ids.filter((id: DiskId) => id === found.disk) }),
  })
  return await use(opened, found)
}

async function openPlace(disk: ReadableDisk, place: GuestPlace, { signal }: Invocation) {
  const filesystem = await openGuestFilesystem(disk, place, signal)
  const entry = await fromGuest(disk.id, () => filesystem.find(place.path ?? '/', { signal }))
  return { filesystem, entry }
}

async function listVolumes({ output, signal }: Invocation, disks: readonly ReadableDisk[]): Promise<Outcome> {
  const rows: (readonly string[])[] = []
  const documents: object[] = []
  for (const disk of disks) {
    for (const { name, volume } of await guestVolumes(disk, signal)) {
      const { partition, content } = volume
      rows.push([name, contentName(volume), sizeOf(volume), partition?.name ?? ''])
      documents.push({ volume: name, content, ...(partition !== undefined && { partition }) })
    }
  }
  output.document(documents)
  const columns = [
    { heading: 'volume' },
    { heading: 'holds' },
    { heading: 'size', align: 'right' },
    { heading: 'name' },
  ] as const
  for (const line of renderTable(columns, rows, output.colors.bold)) output.line(line)
  return { exitCode: 0 }
}

async function listEntries({ output, signal }: Invocation, filesystem: Filesystem, entry: Entry): Promise<Outcome> {
  const rows: (readonly string[])[] = []
  const documents: object[] = []
  let damaged = 0
  const add = async (each: Entry) => {
    if (each.problem !== undefined) damaged++
    const target = each.type === 'symlink' ? await filesystem.readLink(each, { signal }).catch(() => '?') : undefined
    rows.push(entryRow(each, target))
    documents.push(entryDocument(each, target))
  }
  await fromGuest(entry.path, async () => {
    if (entry.type !== 'directory') return await add(entry)
    for await (const child of filesystem.list(entry, { signal })) await add(child)
  })
  output.document(documents)
  for (const note of filesystem.notes) output.warning(note)
  for (const line of renderTable(entryColumns, rows, output.colors.bold)) output.line(line)
  return { exitCode: damaged === 0 ? 0 : 3 }
}

function tellCopied(copied: CopiedFiles, tookMs: number, { output }: Invocation): void {
  const { files, directories, links, bytes, path, problems, problemCount } = copied
  for (const { path, problem } of problems.slice(0, shownProblems)) output.warning(printable(`${path}: ${problem}`))
  if (problemCount > shownProblems) output.warning(`and ${counted(problemCount - shownProblems, 'more problem')}`)
  const what = [counted(files, 'file'), counted(directories, 'folder'), counted(links, 'link')].join(', ')
  output.line(`${what}, ${formatBytes(bytes)} copied in ${formatDuration(tookMs)}`)
  output.line(printable(`  ${path}`))
}
