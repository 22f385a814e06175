import { type CallOptions, untilAborted } from '@holdfast/core'
import { tapeError } from '../drive/drive-errors.js'
import type { Lent, ObjectMemory } from './object-memory.js'

/** Puts the parts of a body together. @throws BackupError `E_TARGET_IO` when it is of another size than was said */
export async function collected(
  body: AsyncIterable<Uint8Array>,
  sizeBytes: number | undefined,
  memory: ObjectMemory,
  { signal }: CallOptions,
): Promise<Lent> {
  if (sizeBytes === undefined) {
    const parts: Uint8Array[] = []
    for await (const part of untilAborted(body, signal)) parts.push(part.slice())
    return { bytes: new Uint8Array(Buffer.concat(parts)), release: () => {} }
  }
  const lent = memory.lend(sizeBytes)
  let at = 0
  try {
    for await (const part of untilAborted(body, signal)) {
      if (at + part.length > sizeBytes) throw otherSize(sizeBytes)
      lent.bytes.set(part, at)
      at += part.length
    }
    if (at !== sizeBytes) throw otherSize(sizeBytes)
    return lent
  } catch (error) {
    lent.release()
    throw error
  }
}

function otherSize(sizeBytes: number): Error {
  return tapeError('E_TARGET_IO', `The object has not the ${sizeBytes} bytes that it was said to have.`, {
    operation: 'target.put',
  })
}
