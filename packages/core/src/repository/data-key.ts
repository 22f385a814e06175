import { Buffer } from 'node:buffer'
import { hkdfSync } from 'node:crypto'
import { toHex } from './bytes.js'

/** A key that encrypts packs and objects. A repository gets a new one with each rotation and keeps the old ones. */
export interface DataKey {
  /** 8 random bytes, stored with everything that the key encrypts. */
  readonly id: Buffer
  readonly bytes: Buffer
}

/** The data keys of an open repository. */
export interface DataKeyring {
  /** Encrypts all new data. */
  readonly current: DataKey
  readonly byId: (id: Uint8Array) => DataKey | undefined
}

/** Makes a keyring; `all` may or may not contain `current`. */
export function dataKeyring(current: DataKey, all: readonly DataKey[]): DataKeyring {
  const byHex = new Map([...all, current].map((key) => [toHex(key.id), key]))
  return { current, byId: (id) => byHex.get(toHex(id)) }
}

/** Derives the key of one pack; the purpose keeps each transform's key and the footer's apart. */
export function packKeyBytes(key: DataKey, packId: Uint8Array, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', key.bytes, packId, `holdfast pack ${purpose}`, 32))
}
