import { Buffer } from 'node:buffer'
import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  hkdfSync,
  type KeyObject,
} from 'node:crypto'
import { type DeriveKey, deriveKey, type KeyDerivation } from './key-derivation.js'

/** A passphrase's place in a key object: the passphrase makes a key pair, and the master key is wrapped to its public half. */
export interface KeySlot {
  readonly id: string
  readonly label: string
  readonly createdAt: string
  readonly kdf: KeyDerivation
  /** X25519 public key (RFC 7748), base64. */
  readonly publicKey: string
}

/** A master key wrapped to one slot; base64 fields. */
export interface WrappedKey {
  readonly slot: string
  readonly ephemeral: string
  readonly ciphertext: string
}

/** Cost of a guess: the OWASP setting of 32 MiB and three passes. */
const defaultKdf = { N: 2 ** 15, r: 8, p: 3 } as const

/** Hostile key objects must not make us spend gigabytes: N·r·128 bytes at most 1 GiB. */
const maxKdfBytes = 2 ** 30

/** Nor hours: the memory that all slots of a key object walk through together, in bytes. */
const maxKdfWork = 2 ** 33

const pkcs8Prefix = Buffer.from('302e020100300506032b656e04220420', 'hex')
const spkiPrefix = Buffer.from('302a300506032b656e032100', 'hex')

/** Tells whether slots and wraps of a key object have the shape and the cost that they may have. */
export function areSlotsSane(slots: unknown, wraps: unknown): boolean {
  if (!Array.isArray(slots) || !Array.isArray(wraps)) return false
  const work = slots.reduce((sum: number, slot: unknown) => sum + slotWork(slot), 0)
  return work <= maxKdfWork && wraps.every((wrap) => areStrings(wrap, ['slot', 'ephemeral', 'ciphertext']))
}

function slotWork(slot: unknown): number {
  if (!areStrings(slot, ['id', 'label', 'createdAt', 'publicKey'])) return Number.POSITIVE_INFINITY
  const { kdf } = slot as Partial<KeySlot>
  if (!areStrings(kdf, ['name', 'salt']) || kdf?.name !== 'scrypt') return Number.POSITIVE_INFINITY
  const { N, r, p } = kdf
  const isSane =
    [N, r, p].every((value) => Number.isSafeInteger(value) && value > 0) && N > 1 && Number.isInteger(Math.log2(N))
  return isSane && 128 * N * r <= maxKdfBytes ? 128 * N * r * p : Number.POSITIVE_INFINITY
}

function areStrings(value: unknown, names: readonly string[]): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    names.every((name) => typeof Object.getOwnPropertyDescriptor(value, name)?.value === 'string')
  )
}

/** A new slot, and the secret that whoever wraps a master key for it must know: without it anyone could. */
export interface CreatedSlot {
  readonly slot: KeySlot
  readonly secret: Buffer
}

/** Makes a slot for a passphrase. */
export async function createSlot(
  passphrase: string,
  label: string,
  createdAt: Date,
  randomBytes: (sizeBytes: number) => Uint8Array,
): Promise<CreatedSlot> {
  const kdf = { name: 'scrypt', ...defaultKdf, salt: Buffer.from(randomBytes(16)).toString('base64') } as const
  const { privateKey, secret } = slotKeys(await deriveKey(passphrase, kdf))
  const slot: KeySlot = {
    id: Buffer.from(randomBytes(8)).toString('hex'),
    label,
    createdAt: createdAt.toISOString(),
    kdf,
    publicKey: publicBytes(createPublicKey(privateKey)).toString('base64'),
  }
  return { slot, secret }
}

/** Wraps a master key so that only the slot's passphrase can unwrap it; needs no passphrase itself. */
export function wrapToSlot(
  { slot, secret }: CreatedSlot,
  master: Buffer,
  randomBytes: (sizeBytes: number) => Uint8Array,
): WrappedKey {
  const ephemeral = privateKeyFromSeed(Buffer.from(randomBytes(32)))
  const ephemeralPublic = publicBytes(createPublicKey(ephemeral))
  const key = sharedKey(ephemeral, publicKeyFromBytes(Buffer.from(slot.publicKey, 'base64')), secret, ephemeralPublic)
  const cipher = createCipheriv('aes-256-gcm', key, Buffer.alloc(12))
  cipher.setAAD(Buffer.from(slot.id))
  const ciphertext = Buffer.concat([cipher.update(master), cipher.final(), cipher.getAuthTag()])
  return { slot: slot.id, ephemeral: ephemeralPublic.toString('base64'), ciphertext: ciphertext.toString('base64') }
}

/** Tries a passphrase on a slot: the master key, or `undefined` when it is another slot's passphrase. */
export async function unwrapFromSlot(
  slot: KeySlot,
  wrapped: WrappedKey,
  passphrase: string,
  derive: DeriveKey,
): Promise<Buffer | undefined> {
  const { privateKey, secret } = slotKeys(await derive(passphrase, slot.kdf))
  if (publicBytes(createPublicKey(privateKey)).toString('base64') !== slot.publicKey) return undefined
  const ephemeral = Buffer.from(wrapped.ephemeral, 'base64')
  const ciphertext = Buffer.from(wrapped.ciphertext, 'base64')
  const decipher = createDecipheriv(
    'aes-256-gcm',
    sharedKey(privateKey, publicKeyFromBytes(ephemeral), secret, ephemeral),
    Buffer.alloc(12),
  )
  decipher.setAAD(Buffer.from(slot.id))
  decipher.setAuthTag(ciphertext.subarray(-16))
  return Buffer.concat([decipher.update(ciphertext.subarray(0, -16)), decipher.final()])
}

function slotKeys(derived: Uint8Array): { readonly privateKey: KeyObject; readonly secret: Buffer } {
  return {
    privateKey: privateKeyFromSeed(Buffer.from(derived.subarray(0, 32))),
    secret: Buffer.from(derived.subarray(32)),
  }
}

/**
 * The wrapping key is fresh with each ephemeral key, so a zero nonce is used once.
 *
 * The slot's secret proves that who wraps has opened the keys before; the public key alone is there for all to read.
 */
function sharedKey(privateKey: KeyObject, publicKey: KeyObject, secret: Buffer, ephemeralPublic: Buffer): Buffer {
  const shared = Buffer.concat([diffieHellman({ privateKey, publicKey }), secret])
  return Buffer.from(hkdfSync('sha256', shared, ephemeralPublic, 'holdfast slot', 32))
}

function privateKeyFromSeed(seed: Buffer): KeyObject {
  return createPrivateKey({ key: Buffer.concat([pkcs8Prefix, seed]), format: 'der', type: 'pkcs8' })
}

function publicKeyFromBytes(bytes: Buffer): KeyObject {
  return createPublicKey({ key: Buffer.concat([spkiPrefix, bytes]), format: 'der', type: 'spki' })
}

function publicBytes(key: KeyObject): Buffer {
  return key.export({ format: 'der', type: 'spki' }).subarray(-32)
}
