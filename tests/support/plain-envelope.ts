import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'

/** Seals an object of a repository without keys as the format's specification says, not as our code does. */
export function plainEnvelope(repositoryId: string, name: string, payload: Uint8Array): Buffer {
  const prefix = Buffer.from([...Buffer.from('HFOB'), 1, 0, 0, 0])
  const digest = createHash('sha256').update(`${repositoryId}/${name}\n`).update(prefix).update(payload).digest()
  return Buffer.concat([prefix, digest, payload])
}

/** What a sealed object of a repository without keys holds. */
export function plainPayload(object: Uint8Array): Buffer {
  return Buffer.from(object.subarray(40))
}
