import { createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { CallOptions } from '@holdfast/core'
import { openImageFile } from '@holdfast/machine-files'
import { type MoRef, type NfcLease, openLease, present, refOf, type VimSession } from '@holdfast/protocol-vim'
import { sourceError } from '../errors.js'
import type { Transport } from './transport.js'

/**
 * Reads whole disks of an exported snapshot. An export comes from its start to its end and no other way, so each disk is put into a folder for
 * temporary files first.
 */
export function nfcTransport(session: VimSession, snapshot: MoRef, tempDir: string): Transport {
  let exported: Promise<ReadonlyMap<string, string>> | undefined
  let folder: string | undefined

  const exportAll = async ({ signal }: CallOptions): Promise<ReadonlyMap<string, string>> => {
    folder = await mkdtemp(join(tempDir, 'nfc-'))
    const [ref] = await session.call(snapshot, 'ExportSnapshot', {}, { signal })
    await using lease = await openLease(session, refOf(present(ref, 'the lease')), { signal })
    const paths = new Map<string, string>()
    let received = 0
    for (const [at, file] of lease.files.entries()) {
      if (!file.isDisk) continue
      const path = join(folder, `disk-${at}.vmdk`)
      const onBytes = (bytes: number) => {
        received += bytes
        lease.progress((received / (lease.capacityBytes || 1)) * 100)
      }
      await pipeline(counted(lease, file, onBytes, signal), createWriteStream(path))
      paths.set(file.key.slice(file.key.lastIndexOf('/') + 1), path)
    }
    await lease.complete({ signal })
    return paths
  }
  return {
    kind: 'nfc',
    open: async ({ leaseKey, label }, options) => {
      exported ??= exportAll(options)
      const path = (await exported).get(leaseKey)
      if (path === undefined) throw sourceError('E_SOURCE_INVALID', `the export lacks ${label} (${leaseKey})`)
      return await openImageFile(path, { format: 'vmdk' })
    },
    [Symbol.asyncDispose]: async () => {
      await exported?.catch(() => undefined)
      if (folder !== undefined) await rm(folder, { recursive: true, force: true })
    },
  }
}

async function* counted(
  lease: NfcLease,
  file: NfcLease['files'][number],
  onBytes: (bytes: number) => void,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  for await (const piece of lease.read(file, { signal })) {
    onBytes(piece.length)
    yield piece
  }
}
