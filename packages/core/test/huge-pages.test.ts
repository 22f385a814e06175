import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { alignedMemory } from '../src/files/aligned-memory.js'
import { renewInHugePages } from '../src/files/huge-pages.js'

const sizeBytes = 37 * 2 ** 20

/** Sizes in bytes of the parts of this process's memory for which huge pages are wished (proc(5), smaps). */
async function wished(): Promise<number[]> {
  const parts = (await readFile('/proc/self/smaps', 'utf8')).split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m)
  return parts
    .filter((part) => /^VmFlags:.* hg( |$)/m.test(part))
    .map((part) => Number(/^Size: +(\d+) kB$/m.exec(part)?.[1]) * 1024)
}

test('memory is emptied, and huge pages are asked for under all of it', async () => {
  const memory = new Uint8Array(alignedMemory(sizeBytes))
  memory.fill(1)
  expect(await wished()).not.toContain(memory.length)
  renewInHugePages(memory)
  if (process.platform === 'linux') expect(await wished()).toContain(memory.length)
  expect(memory.every((byte) => byte === (process.platform === 'linux' ? 0 : 1))).toBe(true)
  memory.fill(2)
  expect(memory.every((byte) => byte === 2)).toBe(true)
})

test('what lies around whole pages, or in memory of unknown alignment, is left as it is', () => {
  const memory = new Uint8Array(alignedMemory(20_000), 0, 20_000).fill(1)
  renewInHugePages(memory.subarray(0, 10_000))
  expect(memory.subarray(8192).every((byte) => byte === 1)).toBe(true)
  memory.fill(1)
  renewInHugePages(memory.subarray(100))
  expect(memory.every((byte) => byte === 1)).toBe(true)
  const plain = new Uint8Array(new SharedArrayBuffer(2 ** 21)).fill(1)
  // One of these starts at a page.
  for (let offset = 0; offset < 4096; offset += 8) renewInHugePages(plain.subarray(offset))
  expect(plain.every((byte) => byte === 1)).toBe(true)
})
