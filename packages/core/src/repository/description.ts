import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import type { CallOptions } from '../contract/context.js'
import { BackupError, isBackupError } from '../contract/errors.js'
import { blockBytes, type CuttingParameters, regionBytes } from './chunk-cutter.js'
import { type ChunkHash, chunkHashes } from './chunk-id.js'
import { damaged } from './damage.js'
import { descriptionKeys } from './layout.js'
import { readObjectIfPresent } from './object-reader.js'
import type { ObjectStore } from './object-store.js'

/** Format version that this program writes. */
export const formatVersion = 1

/** What `holdfast.json` says; never secret. Spec: "Description". */
export interface RepositoryDescription {
  readonly format: 'holdfast-repository'
  readonly version: number
  /** 32 hex digits. */
  readonly id: string
  readonly createdAt: string
  readonly encrypted: boolean
  readonly chunkHash: ChunkHash
  readonly cutting: CuttingParameters
}

/** Writes a description with its digest. */
export function encodeDescription(description: RepositoryDescription): Buffer {
  return Buffer.from(`${JSON.stringify({ ...description, digest: digestOf(description) }, undefined, 2)}\n`)
}

/** Reads the description, from its twin when the first is damaged. @throws BackupError `E_REPOSITORY_NOT_FOUND` */
export async function readDescription(store: ObjectStore, options: CallOptions): Promise<RepositoryDescription> {
  let damage: unknown
  for (const key of descriptionKeys) {
    const bytes = await readObjectIfPresent(store, key, 65_536, options)
    if (bytes === undefined) continue
    try {
      return decodeDescription(key, bytes)
    } catch (error) {
      if (!isBackupError(error) || error.code !== 'E_DAMAGED') throw error
      damage = error
    }
  }
  if (damage !== undefined) throw damage
  throw new BackupError('E_REPOSITORY_NOT_FOUND', 'The target holds no repository.', {
    hint: "Create one with 'holdfast init', or check that the right disk or share is mounted.",
  })
}

/** Parses one copy of the description. */
export function decodeDescription(name: string, bytes: Buffer): RepositoryDescription {
  let parsed: Partial<RepositoryDescription> & { readonly digest?: string }
  try {
    parsed = JSON.parse(bytes.toString('utf8')) as typeof parsed
  } catch (error) {
    throw damaged(name, 'it is not JSON', error)
  }
  if (typeof parsed !== 'object' || parsed === null) throw damaged(name, 'it describes no Holdfast repository')
  const { digest, ...description } = parsed
  if (description.format !== 'holdfast-repository') throw damaged(name, 'it describes no Holdfast repository')
  // Before the version: a flipped bit must not pass for a format of the future.
  if (digest !== digestOf(description)) throw damaged(name, 'its digest does not fit its content')
  if ((description.version ?? 0) > formatVersion) {
    throw new BackupError(
      'E_REPOSITORY_VERSION',
      `The repository has format ${description.version}, this program knows ${formatVersion}.`,
      { hint: 'Use a newer version of Holdfast.' },
    )
  }
  if (!isDescription(description)) throw damaged(name, 'what it says makes no sense')
  return description
}

function isDescription(value: Partial<RepositoryDescription>): value is RepositoryDescription {
  return (
    value.version === formatVersion &&
    typeof value.id === 'string' &&
    /^[0-9a-f]{32}$/.test(value.id) &&
    typeof value.createdAt === 'string' &&
    typeof value.encrypted === 'boolean' &&
    chunkHashes.some((known) => known === value.chunkHash) &&
    isCutting(value.cutting)
  )
}

function isCutting(value: Partial<CuttingParameters> | undefined | null): boolean {
  const { minBytes = 0, maxBytes = 0, maskBits = -1 } = value ?? {}
  return (
    [minBytes, maxBytes, maskBits].every(Number.isSafeInteger) &&
    minBytes >= blockBytes &&
    maxBytes >= minBytes &&
    maxBytes <= regionBytes &&
    maskBits >= 0 &&
    maskBits <= 30
  )
}

function digestOf(description: object): string {
  return createHash('sha256').update(JSON.stringify(description)).digest('hex')
}
