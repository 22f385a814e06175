import type { ImageWriter } from '../../src/image/image-writer.js'

/** The disk that is written and read in every format: noise, text, zeros inside data, long holes, an odd end. */
export function sampleDisk(sizeBytes = 40 * 2 ** 20 + 512): Uint8Array {
  const disk = new Uint8Array(sizeBytes)
  const noise = (offset: number, length: number) => {
    let state = 0x9e3779b9 ^ offset
    for (let at = offset; at < Math.min(sizeBytes, offset + length); at++) {
      state ^= state << 13
      state ^= state >>> 17
      state ^= state << 5
      disk[at] = state
    }
  }
  const text = (offset: number, length: number) => {
    for (let at = offset; at < Math.min(sizeBytes, offset + length); at++) disk[at] = 97 + ((at >> 3) % 26)
  }
  noise(0, 70_000)
  text(2 ** 20, 3 * 2 ** 20)
  noise(5 * 2 ** 20 + 512, 512)
  noise(7 * 2 ** 20 - 3000, 6000)
  text(20 * 2 ** 20 + 7 * 512, 2 ** 20)
  noise(33 * 2 ** 20, 2 ** 20)
  noise(sizeBytes - 1024, 1024)
  return disk
}

/** Writes a whole disk through a writer, in pieces as a copy would; zero pieces are left out. */
export async function writeDisk(writer: ImageWriter, disk: Uint8Array): Promise<void> {
  const piece = 65_536
  for (let at = 0; at < disk.byteLength; at += piece) {
    const bytes = disk.subarray(at, at + piece)
    if (bytes.some((byte) => byte !== 0)) await writer.write(at, bytes)
  }
  await writer.close()
}
