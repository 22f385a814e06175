import { createHash, createHmac, hkdfSync, type Hash, type Hmac } from 'node:crypto'

/** Bytes of a chunk id. */
export const chunkIdBytes = 32

/** What makes chunk ids and cuts the same or different in two repositories. */
export interface ChunkIdentity {
  /** Key of the ids (HMAC-SHA-256); absent in repositories without encryption (SHA-256). */
  readonly idKey: Uint8Array | undefined
  /** Seed of the cutter, derived from the key so that chunk lengths tell an onlooker nothing. */
  readonly cutSeed: number
}

/** Makes the identity of a repository. Spec: "Chunk ids". */
export function chunkIdentity(idKey: Uint8Array | undefined): ChunkIdentity {
  if (idKey === undefined) return { idKey, cutSeed: 0x48_46_53_54 }
  const seed = new DataView(hkdfSync('sha256', idKey, '', 'holdfast cut', 4))
  return { idKey, cutSeed: seed.getUint32(0) }
}

/** Starts a hash for the id of a chunk's plain bytes. */
export function chunkHash(identity: ChunkIdentity): Hash | Hmac {
  return identity.idKey === undefined ? createHash('sha256') : createHmac('sha256', identity.idKey)
}

/** The id of a chunk's plain bytes. */
export function chunkId(plain: Uint8Array, identity: ChunkIdentity): Buffer {
  return chunkHash(identity).update(plain).digest()
}
