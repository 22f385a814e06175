import { type CallOptions, untilAborted } from '@holdfast/core'
import { tapeError } from '../drive/drive-errors.js'

/** Puts the parts of a body together. @throws BackupError `E_TARGET_IO` when it is of another size than was said */
export async function collected(
  body: AsyncIterable<Uint8Array>,
  sizeBytes: number | undefined,
  { signal }: CallOptions,
): Promise<Uint8Array> {
  if (sizeBytes === undefined) {
    const parts: Uint8Array[] = []
    for await (const part of untilAborted(body, signal)) parts.push(part.slice())
    return new Uint8Array(Buffer.concat(parts))
  }
  const whole = new Uint8Array(sizeBytes)
  let at = 0
  for await (const part of untilAborted(body, signal)) {
    if (at + part.length > sizeBytes) throw otherSize(sizeBytes)
    whole.set(part, at)
    at += part.length
  }
  if (at !== sizeBytes) throw otherSize(sizeBytes)
  return whole
}

function otherSize(sizeBytes: number): Error {
  return tapeError('E_TARGET_IO', `The object has not the ${sizeBytes} bytes that it was said to have.`, {
    operation: 'target.put',
  })
}
