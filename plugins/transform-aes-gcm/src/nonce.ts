import type { FrameContext } from '@holdfast/core'
import { unusable } from './errors.js'

/** Length of a GCM nonce, in bytes: the 96 bits that need no hashing. */
export const nonceBytes = 12

/**
 * Writes the nonce of a frame: eight zero bytes, then its sequence as a big-endian u32.
 *
 * This is the deterministic construction of NIST SP 800-38D, section 8.2.1, with a constant fixed field: a key serves one
 * pack only, so the invocation field alone keeps nonces apart. No randomness is spent and no nonce is stored.
 */
export function writeNonce(
  nonce: Buffer,
  { sequence }: FrameContext,
  operation: 'transform.encode' | 'transform.decode',
) {
  if (!Number.isInteger(sequence) || sequence < 0 || sequence > 0xffff_ffff) {
    throw unusable(`Frame sequence ${sequence} is no 32-bit number.`, operation, 'This is a defect of the host.')
  }
  nonce.writeUInt32BE(sequence, nonceBytes - 4)
}
