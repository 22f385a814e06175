import { Buffer } from 'node:buffer'
import { createCipheriv, createDecipheriv, createHash, hkdfSync } from 'node:crypto'
import { damaged } from './damage.js'
import type { DataKey, DataKeyring } from './data-key.js'

const magic = Buffer.from('HFOB')
const version = 1
const prefixBytes = 8
const saltBytes = 16
const tagBytes = 16

/** How small objects are protected: sealed with a data key, or only digested in a repository without keys. */
export interface EnvelopeContext {
  readonly repositoryId: string
  readonly keyring: DataKeyring | undefined
  readonly randomBytes: (sizeBytes: number) => Uint8Array
}

/**
 * Wraps a small object, given and returned in parts, so that it can be neither altered, truncated nor swapped with another.
 *
 * The name is bound in, so it must be the key under which the object is stored. Spec: "Envelope".
 */
export function sealEnvelope(
  name: string,
  payload: readonly Uint8Array[],
  { repositoryId, keyring, randomBytes }: EnvelopeContext,
): readonly Uint8Array[] {
  const prefix = Buffer.concat([magic, Buffer.from([version, keyring === undefined ? 0 : 1, 0, 0])])
  if (keyring === undefined) return [prefix, digest(repositoryId, name, prefix, payload), ...payload]
  const key = keyring.current
  const salt = randomBytes(saltBytes)
  const header = Buffer.concat([prefix, key.id, salt])
  const cipher = createCipheriv('aes-256-gcm', envelopeKey(key, salt), Buffer.alloc(12))
  cipher.setAAD(boundName(repositoryId, name, header))
  return [header, ...payload.map((part) => cipher.update(part)), cipher.final(), cipher.getAuthTag()]
}

/** Unwraps what {@link sealEnvelope} made. @throws BackupError `E_DAMAGED`, `E_KEY_MISSING` */
export function openEnvelope(name: string, bytes: Buffer, context: EnvelopeContext): Buffer {
  const prefix = bytes.subarray(0, prefixBytes)
  if (bytes.length < prefixBytes || !prefix.subarray(0, 4).equals(magic))
    throw damaged(name, 'it does not begin as a Holdfast object')
  if (prefix[4] !== version) throw damaged(name, `it has format version ${prefix[4]}, this program reads ${version}`)
  const sealed = context.keyring !== undefined
  if (prefix[5] !== (sealed ? 1 : 0))
    throw damaged(
      name,
      sealed ? 'it is not encrypted, but the repository is' : 'it is encrypted, but the repository is not',
    )
  if (context.keyring === undefined) {
    const payload = bytes.subarray(prefixBytes + 32)
    const wanted = bytes.subarray(prefixBytes, prefixBytes + 32)
    if (!digest(context.repositoryId, name, prefix, [payload]).equals(wanted))
      throw damaged(name, 'its digest does not fit its content and name')
    return payload
  }
  const headerBytes = prefixBytes + 8 + saltBytes
  if (bytes.length < headerBytes + tagBytes) throw damaged(name, 'it is truncated')
  const key = context.keyring.byId(bytes.subarray(prefixBytes, prefixBytes + 8))
  if (key === undefined) throw damaged(name, 'it names a data key that this repository does not have')
  const salt = bytes.subarray(prefixBytes + 8, headerBytes)
  const decipher = createDecipheriv('aes-256-gcm', envelopeKey(key, salt), Buffer.alloc(12))
  decipher.setAAD(boundName(context.repositoryId, name, bytes.subarray(0, headerBytes)))
  decipher.setAuthTag(bytes.subarray(bytes.length - tagBytes))
  try {
    return Buffer.concat([decipher.update(bytes.subarray(headerBytes, bytes.length - tagBytes)), decipher.final()])
  } catch (error) {
    throw damaged(name, 'it does not authenticate', error)
  }
}

/** One key an object: with a fresh salt each, the nonce may be zero. */
function envelopeKey(key: DataKey, salt: Uint8Array): Buffer {
  return Buffer.from(hkdfSync('sha256', key.bytes, salt, 'holdfast object', 32))
}

function boundName(repositoryId: string, name: string, header: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${repositoryId}/${name}\n`), header])
}

function digest(repositoryId: string, name: string, prefix: Buffer, payload: readonly Uint8Array[]): Buffer {
  const hash = createHash('sha256').update(boundName(repositoryId, name, prefix))
  for (const part of payload) hash.update(part)
  return hash.digest()
}
