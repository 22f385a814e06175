import { seededBytes, seededNumbers } from '../../images/seeded-random.js'
import { maxFrameBytes } from './transform-check.js'

/** A frame to code. */
export interface SampleFrame {
  readonly name: string
  readonly bytes: Uint8Array
}

/** Frames of many sizes and contents, the empty one and the largest included. */
export function* sampleFrames(): Generator<SampleFrame> {
  for (const size of [0, 1, 2, 15, 16, 17, 255, 4096, 65_537, 262_144]) {
    yield { name: `${size} bytes of noise`, bytes: seededBytes(size, size + 1) }
    yield { name: `${size} zeros`, bytes: new Uint8Array(size) }
    yield { name: `${size} bytes of text`, bytes: textOf(size) }
  }
  yield { name: '4 MiB of noise', bytes: seededBytes(maxFrameBytes, 5) }
  yield { name: '4 MiB of text', bytes: textOf(maxFrameBytes) }
  yield { name: '1 MiB half text, half noise', bytes: mixed(1024 * 1024) }
  const next = seededNumbers(6)
  for (let count = 0; count < 20; count++) {
    const size = next() % 20_000
    yield { name: `${size} random bytes (${count})`, bytes: count % 2 === 0 ? seededBytes(size, count) : mixed(size) }
  }
}

/** Text that compresses well. */
export function textOf(sizeBytes: number): Uint8Array {
  const line = new TextEncoder().encode('A recovery point is always complete on its own, whatever was transferred.\n')
  const bytes = new Uint8Array(sizeBytes)
  for (let at = 0; at < sizeBytes; at += line.length) bytes.set(line.subarray(0, sizeBytes - at), at)
  return bytes
}

function mixed(sizeBytes: number): Uint8Array {
  const bytes = textOf(sizeBytes)
  bytes.set(seededBytes(Math.floor(sizeBytes / 2), sizeBytes), 0)
  return bytes
}
