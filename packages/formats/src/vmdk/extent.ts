import type { ImageProblem, Run } from '../image/layer.js'

/** A part of a disk that lies in one file; offsets count from its start. */
export interface Extent {
  readonly sizeBytes: number
  /** Unit of allocation, where there is one. */
  readonly grainBytes?: number
  /** Facts for people. */
  readonly details: Readonly<Record<string, string | number | boolean>>
  /** As `ImageLayer.runs`, within the extent. */
  readonly runs: (offset: number, length: number) => AsyncIterable<Run>
  readonly problems: () => AsyncIterable<ImageProblem>
}
