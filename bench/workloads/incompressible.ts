import { createCipheriv } from 'node:crypto'
import { closeSync, openSync, writeSync } from 'node:fs'
import { mib } from './units.ts'

/** Writes an AES-CTR key stream: the same for everyone, and nothing can compress or deduplicate it. */
export function writeIncompressible(image: string, sizeBytes: number): void {
  const keyStream = createCipheriv(
    'aes-128-ctr',
    Buffer.from('00112233445566778899aabbccddeeff', 'hex'),
    Buffer.alloc(16),
  )
  const zeros = Buffer.alloc(mib)
  const file = openSync(image, 'w')
  try {
    for (let offset = 0; offset < sizeBytes; offset += mib) {
      writeSync(file, keyStream.update(zeros.subarray(0, Math.min(mib, sizeBytes - offset))))
    }
  } finally {
    closeSync(file)
  }
}
