import { parentPort, workerData } from 'node:worker_threads'
import { BackupError, isBackupError } from '../contract/errors.js'
import { copyBytes, sameBytes } from '../repository/bytes.js'
import { chunkHasher, identityName, preferredChunkHash } from '../repository/chunk-id.js'
import { type ChainLink, type CodecChain, loadCodecChain } from '../repository/codec-chain.js'
import { frameTableBytes, maxPlainFrameBytes, readFrameTable, writeFrameTable } from '../repository/frame.js'
import { packRoom } from '../repository/pack-room.js'
import { type CutPiece, joinedCuts, type PieceCutter, pieceCutter } from './piece-cutter.js'
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
const chains = new Map<string, Promise<CodecChain>>()
const cutters = new Map<string, PieceCutter>()
let gathered: Uint8Array | undefined

const slab = (number: number): Uint8Array => slabView(memory, number)

function chainOf(links: readonly ChainLink[]): Promise<CodecChain> {
  const name = JSON.stringify(links)
  const known = chains.get(name) ?? loadCodecChain(links)
  chains.set(name, known)
  return known
}

/** Cutters that remember do so for as long as the worker lives. */
function cutterOf({ cutting, identities, alike }: CutTask): PieceCutter {
  const name = JSON.stringify([cutting, identities.map(identityName), alike])
  const known = cutters.get(name) ?? pieceCutter({ cutting, identities, alike })
  cutters.set(name, known)
  return known
}

function cut(task: CutTask): CutResult {
  const cutPiece = cutterOf(task)
  const data = slab(task.slab).subarray(slabHeadroomBytes)
  const cuts: CutPiece[] = []
  let at = 0
  for (const length of task.pieces) {
    cuts.push(cutPiece(data.subarray(at, at + length)))
    at += length
  }
  return joinedCuts(cuts, task.identities.length)
}

async function encode(task: EncodeTask): Promise<EncodeResult> {
  const chain = await chainOf(task.links)
  const plain = plainFrame(slab(task.slab), task)
  const { offset, bytes } = chain.encode(plain, packRoom(task.room), task.sequence, task.pack)
  return { frameOffset: offset, frameBytes: bytes.byteLength }
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
