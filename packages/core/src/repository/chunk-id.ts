import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto'

/** Bytes of a chunk id. */
export const chunkIdBytes = 32

/** What makes chunk ids the same or different in two repositories. */
export interface ChunkIdentity {
  /** Key of the ids (HMAC-SHA-256); absent in repositories without encryption (SHA-256). */
  readonly idKey: Uint8Array | undefined
}

/** Starts a hash for the id of a chunk's plain bytes. */
export function chunkHash(identity: ChunkIdentity): Hash | Hmac {
  return identity.idKey === undefined ? createHash('sha256') : createHmac('sha256', identity.idKey)
}

/** The id of a chunk's plain bytes. */
export function chunkId(plain: Uint8Array, identity: ChunkIdentity): Buffer {
  return chunkHash(identity).update(plain).digest()
}
