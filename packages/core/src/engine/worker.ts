import { parentPort, workerData } from 'node:worker_threads'
import { BackupError, isBackupError } from '../contract/errors.js'
import { asBuffer, copyBytes, sameBytes } from '../repository/bytes.js'
import { cutPiece, regionBytes } from '../repository/chunk-cutter.js'
import {
  type ChunkHasher,
  type ChunkIdentity,
  chunkHasher,
  chunkIdBytes,
  identityName,
  preferredChunkHash,
} from '../repository/chunk-id.js'
import { type ChainLink, type CodecChain, loadCodecChain } from '../repository/codec-chain.js'
import { frameTableBytes, maxPlainFrameBytes, readFrameTable, writeFrameTable } from '../repository/frame.js'
import { rememberingHasher } from './remembering-hasher.js'
import { slabHeadroomBytes, slabView } from './slabs.js'
import type {
  CutResult,
  CutTask,
  DecodeResult,
  DecodeTask,
  EncodeResult,
  EncodeTask,
  PrepareTask,
  WorkerAnswer,
  WorkerSetup,
  WorkerTask,
} from './worker-tasks.js'

const { memory } = workerData as WorkerSetup
const zeros = new Uint8Array(regionBytes)
const chains = new Map<string, Promise<CodecChain>>()
const remembering = new Map<string, ChunkHasher>()
let gathered: Uint8Array | undefined

const slab = (number: number): Uint8Array => slabView(memory, number)

function chainOf(links: readonly ChainLink[]): Promise<CodecChain> {
  const name = JSON.stringify(links)
  const known = chains.get(name) ?? loadCodecChain(links)
  chains.set(name, known)
  return known
}

/** Hashers that remember do so for as long as the worker lives. */
function hasherOf(identity: ChunkIdentity, remembers: boolean): ChunkHasher {
  if (!remembers) return chunkHasher(identity)
  const name = identityName(identity)
  const known = remembering.get(name) ?? rememberingHasher(chunkHasher(identity))
  remembering.set(name, known)
  return known
}

function cut(task: CutTask): CutResult {
  const data = slab(task.slab).subarray(slabHeadroomBytes)
  const lengths: number[] = []
  let at = 0
  for (const piece of task.pieces) {
    lengths.push(...cutPiece(data.subarray(at, at + piece), task.cutting))
    at += piece
  }
  const ids = task.identities.map(() => new Uint8Array(lengths.length * chunkIdBytes))
  const hashers = task.identities.map((identity) => hasherOf(identity, task.alike))
  at = 0
  lengths.forEach((length, i) => {
    const chunk = data.subarray(at, at + length)
    at += length
    if (asBuffer(chunk).equals(zeros.subarray(0, length))) return
    hashers.forEach((hash, k) => {
      ids[k]?.set(hash(chunk), i * chunkIdBytes)
    })
  })
  return { lengths: Uint32Array.from(lengths), ids }
}

async function encode(task: EncodeTask): Promise<EncodeResult> {
  const chain = await chainOf(task.links)
  const plain = plainFrame(slab(task.slab), task)
  return { encodedBytes: chain.encode(plain, slab(task.output), task.sequence, task.pack) }
}

/** A frame of all chunks of a slab stands in place behind its table, if the slab is nobody else's; others are gathered. */
function plainFrame(from: Uint8Array, { chunks, shared }: EncodeTask): Uint8Array {
  const tableBytes = frameTableBytes(chunks.length)
  let end = 0
  const inPlace = chunks.every((chunk) => {
    const next = chunk.offset === end
    end += chunk.length
    return next
  })
  if (inPlace && !shared) {
    const plain = from.subarray(slabHeadroomBytes - tableBytes, slabHeadroomBytes + end)
    writeFrameTable(plain, chunks)
    return plain
  }
  gathered ??= new Uint8Array(maxPlainFrameBytes)
  let at = writeFrameTable(gathered, chunks)
  for (const { offset, length } of chunks) {
    copyBytes(from.subarray(slabHeadroomBytes + offset, slabHeadroomBytes + offset + length), gathered, at)
    at += length
  }
  return gathered.subarray(0, at)
}

async function decode(task: DecodeTask): Promise<DecodeResult> {
  const chain = await chainOf(task.links)
  const plain = chain.decode(
    slab(task.slab).subarray(0, task.encodedBytes),
    slab(task.output).subarray(task.outputOffset),
    task.pack,
  )
  const chunks = readFrameTable(plain)
  if (chunks === undefined) throw new BackupError('E_DAMAGED', 'A frame decodes to something that is no frame')
  if (task.rehash !== undefined) {
    const hash = chunkHasher(task.rehash)
    for (const { id, offset, length } of chunks) {
      if (!sameBytes(hash(plain.subarray(offset, offset + length)), id))
        throw new BackupError('E_DAMAGED', 'A chunk has other content than its id says')
    }
  }
  return { chunks }
}

async function prepare({ links }: PrepareTask): Promise<undefined> {
  // Loads the library of chunk ids.
  preferredChunkHash()
  await chainOf(links)
}

async function close(): Promise<undefined> {
  for (const chain of await Promise.allSettled(chains.values())) {
    if (chain.status === 'fulfilled') chain.value[Symbol.dispose]()
  }
}

function perform(task: WorkerTask): Promise<EncodeResult | DecodeResult | undefined> | CutResult {
  switch (task.kind) {
    case 'prepare':
      return prepare(task)
    case 'cut':
      return cut(task)
    case 'encode':
      return encode(task)
    case 'decode':
      return decode(task)
    case 'close':
      return close()
  }
}

async function answer(number: number, task: WorkerTask): Promise<WorkerAnswer> {
  try {
    return { number, result: await perform(task) }
  } catch (error) {
    if (!isBackupError(error)) return { number, failure: { code: 'E_PLUGIN_UNEXPECTED', message: String(error) } }
    const { code, message, plugin } = error
    return { number, failure: plugin === undefined ? { code, message } : { code, message, plugin } }
  }
}

// One task at a time, in order: codecs are never entered twice.
let queue: Promise<void> = Promise.resolve()
parentPort?.on('message', ({ number, task }: { readonly number: number; readonly task: WorkerTask }) => {
  queue = queue.then(async () => {
    parentPort?.postMessage(await answer(number, task))
  })
})
