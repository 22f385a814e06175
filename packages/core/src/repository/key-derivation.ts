import { Buffer } from 'node:buffer'
import { scrypt } from 'node:crypto'

/** How a key slot derives its keys from a passphrase: scrypt (RFC 7914). Nothing of it is secret. */
export interface KeyDerivation {
  readonly name: 'scrypt'
  readonly N: number
  readonly r: number
  readonly p: number
  /** Base64, 16 bytes. */
  readonly salt: string
}

/** Derives the 64 secret bytes of a key slot. A host may have begun earlier, since it takes a quarter of a second. */
export type DeriveKey = (passphrase: string, derivation: KeyDerivation) => Promise<Uint8Array>

/** Derives in a thread of Node's pool. */
export const deriveKey: DeriveKey = (passphrase, { N, r, p, salt }) =>
  new Promise((resolve, reject) => {
    const maxmem = 128 * N * r + 2 ** 25
    scrypt(passphrase.normalize('NFKC'), Buffer.from(salt, 'base64'), 64, { N, r, p, maxmem }, (error, key) =>
      error === null ? resolve(key) : reject(error),
    )
  })
