// Fills a chunk index as backups would and prints, as JSON, what it takes and how fast it answers.
// Run by itself, so that nothing else is in the process: node --expose-gc bench/index-memory.ts [chunks]
import { createChunkIndex } from '@holdfast/core/repository'
import type { IndexMeasurement } from './measure/measure-index.ts'
import { createChunkIds } from './workloads/chunk-ids.ts'

const chunksPerPack = 64
const chunksPerIndexObject = 262_144
const lookups = 1_000_000

const chunks = Number(process.argv[2] ?? 10_000_000)
const idOf = createChunkIds()

const before = memory()
const index = createChunkIndex()
const fillSeconds = seconds(fill)
const after = memory()

const stored = sampleIds((sample) => Math.floor((sample / lookups) * chunks))
const absent = sampleIds((sample) => chunks + sample)
const hitSeconds = seconds(() => expectFound(stored, lookups))
const missSeconds = seconds(() => expectFound(absent, 0))

const measurement: IndexMeasurement = {
  chunks,
  heldBytesPerChunk: (after.held - before.held) / chunks,
  residentBytesPerChunk: (after.resident - before.resident) / chunks,
  peakBytes: process.resourceUsage().maxRSS * 1024,
  insertsPerSecond: chunks / fillSeconds,
  hitsPerSecond: lookups / hitSeconds,
  missesPerSecond: lookups / missSeconds,
}
console.log(JSON.stringify(measurement))

function fill(): void {
  const id = Buffer.alloc(32)
  for (let first = 0; first < chunks; first += chunksPerPack) {
    const pack = index.addPack({
      id: first.toString(16).padStart(32, '0'),
      kind: 'data',
      sizeBytes: 0,
      dataKeyId: '',
      chain: [],
    })
    for (let chunk = first; chunk < Math.min(first + chunksPerPack, chunks); chunk++) {
      idOf(chunk, id)
      if (!index.claim(id)) throw new Error(`Chunk ${chunk} is taken for one that is already there`)
      const frameOffset = (chunk - first) * 500_000
      index.place(id, { pack, frameOffset, frameBytes: 500_000, plainOffset: 0, plainBytes: 1_048_576 })
    }
    index.sealPack(pack, chunksPerPack * 500_000)
    if ((first + chunksPerPack) % chunksPerIndexObject === 0) index.takeFresh()
  }
  index.takeFresh()
  if (index.chunkCount() !== chunks) throw new Error(`The index counts ${index.chunkCount()} chunks of ${chunks}`)
}

function sampleIds(chunkOf: (sample: number) => number): Buffer {
  const ids = Buffer.alloc(lookups * 32)
  for (let sample = 0; sample < lookups; sample++) {
    // A stride that shares no factor with the count: neither in order nor near each other.
    const shuffled = (sample * 611_953) % lookups
    idOf(chunkOf(shuffled), ids.subarray(sample * 32, sample * 32 + 32))
  }
  return ids
}

function expectFound(ids: Buffer, expected: number): void {
  let found = 0
  for (let at = 0; at < ids.length; at += 32) if (index.find(ids.subarray(at, at + 32)) !== undefined) found++
  if (found !== expected) throw new Error(`The index found ${found} chunks where ${expected} were to be found`)
}

function memory(): { readonly held: number; readonly resident: number } {
  if (globalThis.gc === undefined) throw new Error('Memory is counted after a collection: run with --expose-gc')
  // The first collection finds the buffers that nobody holds, the second waits until they are freed.
  globalThis.gc()
  globalThis.gc()
  const { rss, heapUsed, external } = process.memoryUsage()
  return { held: heapUsed + external, resident: rss }
}

function seconds(work: () => void): number {
  const start = performance.now()
  work()
  return (performance.now() - start) / 1000
}
