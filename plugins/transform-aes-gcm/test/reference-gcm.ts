import { createCipheriv } from 'node:crypto'

/** What GCM is given. */
export interface GcmInput {
  readonly key: Uint8Array
  readonly nonce: Uint8Array
  readonly associatedData: Uint8Array
  readonly plain: Uint8Array
}

/** AES-256-GCM from the text of NIST SP 800-38D, bit by bit over AES-ECB: slow, and independent of OpenSSL's GCM. */
export function referenceGcm({ key, nonce, associatedData, plain }: GcmInput): Uint8Array {
  const block = (bytes: Uint8Array) => {
    const cipher = createCipheriv('aes-256-ecb', key, null).setAutoPadding(false)
    return toBigInt(cipher.update(bytes))
  }
  const counterBlock = (counter: number) => block(Buffer.concat([nonce, u32(counter)]))
  const ciphertext = Uint8Array.from(plain, (byte, index) => {
    const keystream = counterBlock(2 + Math.floor(index / 16))
    return byte ^ Number((keystream >> BigInt(8 * (15 - (index % 16)))) & 0xffn)
  })
  const lengths = Buffer.concat([u32(0), u32(8 * associatedData.length), u32(0), u32(8 * plain.length)])
  const hashed = [...blocksOf(associatedData), ...blocksOf(ciphertext), toBigInt(lengths)]
  const hashKey = block(Buffer.alloc(16))
  const hash = hashed.reduce((y, x) => multiply(y ^ x, hashKey), 0n)
  const tag = Buffer.from((hash ^ counterBlock(1)).toString(16).padStart(32, '0'), 'hex')
  return Buffer.concat([ciphertext, tag])
}

/** Section 6.3: multiplication in GF(2^128), most significant bit first. */
function multiply(x: bigint, y: bigint): bigint {
  let z = 0n
  let v = y
  for (let bit = 127n; bit >= 0n; bit--) {
    if ((x >> bit) & 1n) z ^= v
    v = v & 1n ? (v >> 1n) ^ (0xe1n << 120n) : v >> 1n
  }
  return z
}

function blocksOf(bytes: Uint8Array): bigint[] {
  return Array.from({ length: Math.ceil(bytes.length / 16) }, (_, index) => {
    const padded = Buffer.alloc(16)
    padded.set(bytes.subarray(16 * index, 16 * index + 16))
    return toBigInt(padded)
  })
}

function toBigInt(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).toString('hex')}`)
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}
