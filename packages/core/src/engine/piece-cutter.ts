import { asBuffer } from '../repository/bytes.js'
import { type CuttingParameters, cutPiece, regionBytes } from '../repository/chunk-cutter.js'
import { type ChunkIdentity, chunkHasher, chunkIdBytes } from '../repository/chunk-id.js'
import { remembering } from './remembering.js'

/** The chunks of one piece of a disk, in order. */
export interface CutPiece {
  readonly lengths: Uint32Array
  /** For each identity the ids of all chunks, 32 bytes each; zeros where the chunk is zero. */
  readonly ids: readonly Uint8Array[]
}

/** Cuts a piece into chunks and computes their ids. */
export type PieceCutter = (piece: Uint8Array) => CutPiece

/** How to cut, and what for. */
export interface PieceCutting {
  readonly cutting: CuttingParameters
  readonly identities: readonly ChunkIdentity[]
  /** Other disks that pass by may hold the same: pieces and chunks seen lately are remembered. */
  readonly alike: boolean
}

/** What is remembered together: long enough to be worth a look, short enough that most are as they were. */
const stretchBytes = 2 ** 19

/** Stretches that are remembered: about 8 GiB of disks, in 10 MiB of memory. */
const rememberedStretches = 16_384

const zeros = new Uint8Array(regionBytes)

/** Makes a cutter. One that remembers is to be kept. */
export function pieceCutter({ cutting, identities, alike }: PieceCutting): PieceCutter {
  const hashers = identities.map(chunkHasher)
  const cut: PieceCutter = (piece) => {
    const lengths = cutPiece(piece, cutting)
    const ids = identities.map(() => new Uint8Array(lengths.length * chunkIdBytes))
    let at = 0
    lengths.forEach((length, i) => {
      const chunk = piece.subarray(at, at + length)
      at += length
      if (asBuffer(chunk).equals(zeros.subarray(0, length))) return
      hashers.forEach((hash, k) => {
        ids[k]?.set(hash(chunk), i * chunkIdBytes)
      })
    })
    return { lengths, ids }
  }
  if (!alike) return cut
  const remembered = remembering(cut, rememberedStretches)
  return (piece) => joinedCuts(stretches(piece, cutting).map(remembered), identities.length)
}

/** Parts a piece between chunks, at places that a change elsewhere does not move; each is cut alone as it is in the whole. */
function stretches(piece: Uint8Array, cutting: CuttingParameters): readonly Uint8Array[] {
  const parts: Uint8Array[] = []
  let start = 0
  let end = 0
  for (const length of cutPiece(piece, cutting)) {
    if (end > start && Math.floor(end / stretchBytes) > Math.floor(start / stretchBytes)) {
      parts.push(piece.subarray(start, end))
      start = end
    }
    end += length
  }
  parts.push(piece.subarray(start, end))
  return parts
}

/** Joins what pieces were cut into, in order. */
export function joinedCuts(cuts: readonly CutPiece[], columns: number): CutPiece {
  const [first] = cuts
  if (first !== undefined && cuts.length === 1) return first
  const count = cuts.reduce((sum, { lengths }) => sum + lengths.length, 0)
  const lengths = new Uint32Array(count)
  const ids = Array.from({ length: columns }, () => new Uint8Array(count * chunkIdBytes))
  let at = 0
  for (const cut of cuts) {
    lengths.set(cut.lengths, at)
    ids.forEach((column, k) => {
      column.set(cut.ids[k] ?? [], at * chunkIdBytes)
    })
    at += cut.lengths.length
  }
  return { lengths, ids }
}
