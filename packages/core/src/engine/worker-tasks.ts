import type { ChunkIdentity } from '../repository/chunk-id.js'
import type { ChainLink, FramePack } from '../repository/codec-chain.js'
import type { CutPiece, PieceCutting } from './piece-cutter.js'

/** What workers do with slabs. Messages carry slab numbers and chunk ids, never disk data. */
export type WorkerTask = PrepareTask | CutTask | EncodeTask | DecodeTask | CloseTask

/** Loads codecs, and the library of chunk ids, before they are needed. */
export interface PrepareTask {
  readonly kind: 'prepare'
  readonly links: readonly ChainLink[]
}

/** Lets codecs free what they hold; nothing follows. */
export interface CloseTask {
  readonly kind: 'close'
}

/** Cuts pieces of a slab into chunks and computes their ids. */
export interface CutTask extends PieceCutting {
  readonly kind: 'cut'
  readonly slab: number
  /** Lengths of the pieces that lie back to back in the slab. */
  readonly pieces: readonly number[]
}

/** Chunks in slab order. */
export type CutResult = CutPiece

/** Encodes chunks of a slab as one frame of a pack. */
export interface EncodeTask {
  readonly kind: 'encode'
  readonly slab: number
  /** Another task may read the slab at the same time: nothing is written to it. */
  readonly shared: boolean
  readonly chunks: readonly { readonly id: Uint8Array; readonly offset: number; readonly length: number }[]
  readonly links: readonly ChainLink[]
  readonly pack: FramePack
  readonly sequence: number
  /** Memory of the pack's room. */
  readonly room: SharedArrayBuffer
}

/** Place of the frame in the pack. */
export interface EncodeResult {
  readonly frameOffset: number
  readonly frameBytes: number
}

/** Decodes one encoded frame from the start of a slab into another, and checks what it holds. */
export interface DecodeTask {
  readonly kind: 'decode'
  readonly slab: number
  readonly encodedBytes: number
  readonly links: readonly ChainLink[]
  readonly pack: FramePack
  readonly output: number
  /** Where in the output slab the plain frame starts; less than a page. */
  readonly outputOffset: number
  /** Hash every chunk again and compare with its id. Without it, the chain must authenticate. */
  readonly rehash: ChunkIdentity | undefined
}

/** What a frame holds. */
export interface DecodeResult {
  readonly chunks: readonly { readonly id: Uint8Array; readonly offset: number; readonly length: number }[]
}

/** Result of each kind of task. */
export interface TaskResults {
  readonly prepare: undefined
  readonly close: undefined
  readonly cut: CutResult
  readonly encode: EncodeResult
  readonly decode: DecodeResult
}

/** What a worker is started with. */
export interface WorkerSetup {
  readonly memory: SharedArrayBuffer
}

/** Answer of a worker. Errors cross as plain data. */
export type WorkerAnswer =
  | { readonly number: number; readonly result: TaskResults[keyof TaskResults] }
  | {
      readonly number: number
      readonly failure: { readonly code: string; readonly message: string; readonly plugin?: string }
    }
