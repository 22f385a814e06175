import { Buffer } from 'node:buffer'
import { createHash, createHmac, createSecretKey } from 'node:crypto'
import { createRequire } from 'node:module'
import { BackupError } from '../contract/errors.js'

/** Bytes of a chunk id. */
export const chunkIdBytes = 32

/** The hashes that chunk ids may be made with; a repository keeps the one it was made with. Spec: "Chunk ids". */
export const chunkHashes = ['blake3', 'sha-256'] as const

/** One of {@link chunkHashes}. */
export type ChunkHash = (typeof chunkHashes)[number]

/** What makes chunk ids the same or different in two repositories. */
export interface ChunkIdentity {
  readonly hash: ChunkHash
  /** Keys the ids: BLAKE3's keyed mode, or HMAC-SHA-256. Absent in repositories without encryption. */
  readonly idKey: Uint8Array | undefined
}

/** Names an identity: the same for two that make the same ids. Secret. */
export function identityName({ hash, idKey }: ChunkIdentity): string {
  return idKey === undefined ? hash : `${hash} ${Buffer.from(idKey).toString('hex')}`
}

/** Computes the id of a chunk's plain bytes. */
export type ChunkHasher = (plain: Uint8Array) => Buffer

/** Makes the hasher of an identity. Make it once for many chunks. @throws BackupError `E_UNSUPPORTED` */
export function chunkHasher({ hash, idKey }: ChunkIdentity): ChunkHasher {
  return hash === 'blake3' ? blake3Hasher(idKey) : sha256Hasher(idKey)
}

/** The hash for new repositories: the faster one where this machine has it. */
export function preferredChunkHash(): ChunkHash {
  return blake3Library() instanceof Error ? 'sha-256' : 'blake3'
}

function sha256Hasher(idKey: Uint8Array | undefined): ChunkHasher {
  if (idKey === undefined) return (plain) => createHash('sha256').update(plain).digest()
  // Raw key bytes cost Node 20 µs at each use.
  const key = createSecretKey(idKey)
  return (plain) => createHmac('sha256', key).update(plain).digest()
}

function blake3Hasher(idKey: Uint8Array | undefined): ChunkHasher {
  const library = blake3Library()
  if (library instanceof Error) throw noBlake3(library)
  const { Blake3Hasher } = library
  const hasher = idKey === undefined ? new Blake3Hasher() : Blake3Hasher.newKeyed(Buffer.from(idKey))
  return (plain) => {
    const id = hasher.update(plain).digestBuffer()
    hasher.reset()
    return id
  }
}

type Blake3Library = typeof import('@napi-rs/blake-hash')
let loaded: Blake3Library | Error | undefined

/** The native library, loaded at first use, or why it cannot be: it has binaries for most platforms, but not for all. */
function blake3Library(): Blake3Library | Error {
  try {
    loaded ??= createRequire(import.meta.url)('@napi-rs/blake-hash') as Blake3Library
  } catch (error) {
    loaded = error instanceof Error ? error : new Error(String(error))
  }
  return loaded
}

function noBlake3(cause: Error): BackupError {
  return new BackupError(
    'E_UNSUPPORTED',
    'Chunk ids by BLAKE3 cannot be computed here: its library cannot be loaded.',
    {
      hint: 'Install again with optional dependencies: npm install --include=optional @napi-rs/blake-hash. Without it, make repositories with --hash sha-256, and restore others with their restore.mjs.',
      cause,
    },
  )
}
