import type { Capture, CapturedDisk, ChangeToken, SourceSession } from '@holdfast/core'
import { call, openSource, refOf, tokens } from './machines.js'

/** What a backup did for one disk. */
export interface DiskBackup {
  readonly mode: 'full' | 'incremental'
  readonly reason: string
  /** Bytes that were reported as data. */
  readonly dataBytes: number
  /** The disk as the stored backups add up to it. */
  readonly bytes: Uint8Array
}

/** Keeps backups of one machine as the engine does: a full one, then changes laid over what was stored before. */
export function backups(root: string, machine: string, options: Parameters<typeof openSource>[1] = {}) {
  const stored = new Map<string, { readonly token: ChangeToken | undefined; readonly bytes: Uint8Array }>()
  let session: SourceSession | undefined
  return {
    /** Backs the machine up; the outcome by disk, those that are unavailable left out. */
    take: async (): Promise<ReadonlyMap<string, DiskBackup>> => {
      session ??= await openSource(root, options)
      const previous = [...stored].flatMap(([id, { token }]) => (token === undefined ? [] : [[id, token] as const]))
      const request = { previous: tokens(Object.fromEntries(previous)) }
      const prepared = await session.prepare(await refOf(session, machine), request, call)
      await using capture = await prepared.take(call)
      return await backUp(capture, stored)
    },
    tokenOf: (disk: string) => stored.get(disk)?.token,
  }
}

async function backUp(
  { disks }: Capture,
  stored: Map<string, { readonly token: ChangeToken | undefined; readonly bytes: Uint8Array }>,
): Promise<ReadonlyMap<string, DiskBackup>> {
  const results = new Map<string, DiskBackup>()
  for (const disk of disks) {
    const before = stored.get(disk.id)
    // As the engine decides: a disk of another size goes full whatever the source says.
    const isIncremental = disk.tracking.mode === 'incremental' && before?.bytes.byteLength === disk.sizeBytes
    const base = isIncremental ? before : undefined
    const { bytes, dataBytes } = await layOver(disk, base?.token, base?.bytes)
    stored.set(disk.id, { token: disk.changeToken, bytes })
    results.set(disk.id, { mode: base ? 'incremental' : 'full', reason: disk.tracking.reason, dataBytes, bytes })
  }
  return results
}

async function layOver(disk: CapturedDisk, since: ChangeToken | undefined, before: Uint8Array | undefined) {
  const bytes = before?.slice() ?? new Uint8Array(disk.sizeBytes)
  let dataBytes = 0
  let end = 0
  for await (const { offset, length, kind } of disk.extents(since, call)) {
    if (offset < end || length <= 0) throw new Error(`extent at ${offset} after ${end}`)
    end = offset + length
    if (kind !== 'data') bytes.fill(0, offset, end)
    else {
      await disk.readInto(offset, bytes.subarray(offset, end), call)
      dataBytes += length
    }
  }
  return { bytes, dataBytes }
}
