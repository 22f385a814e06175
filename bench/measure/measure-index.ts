import { join } from 'node:path'
import { runQuietly } from './run-quietly.ts'

/** What a chunk index of many chunks takes and gives. */
export interface IndexMeasurement {
  readonly chunks: number
  /** What the index holds: objects and buffers that are in use. */
  readonly heldBytesPerChunk: number
  /** Growth of the process: with what V8 keeps for later. */
  readonly residentBytesPerChunk: number
  /** The highest of the whole process while it filled the index. */
  readonly peakBytes: number
  readonly insertsPerSecond: number
  /** Lookups of chunks that are there, from anywhere. */
  readonly hitsPerSecond: number
  /** Lookups of chunks that are not: what a first backup does. */
  readonly missesPerSecond: number
}

/** The name by which `--jobs` asks for this measurement. */
export const indexJob = 'index'

/** Measures the chunk index in a process of its own. */
export async function measureIndex(chunks: number): Promise<IndexMeasurement> {
  const script = join(import.meta.dirname, '..', 'index-memory.ts')
  const output: unknown = JSON.parse(await runQuietly(process.execPath, ['--expose-gc', script, String(chunks)]))
  if (!isMeasurement(output)) throw new TypeError('bench/index-memory.ts printed something else than a measurement')
  return output
}

const fieldNames = [
  'chunks',
  'heldBytesPerChunk',
  'residentBytesPerChunk',
  'peakBytes',
  'insertsPerSecond',
  'hitsPerSecond',
  'missesPerSecond',
] satisfies (keyof IndexMeasurement)[]

function isMeasurement(value: unknown): value is IndexMeasurement {
  if (typeof value !== 'object' || value === null) return false
  const fields = new Map<string, unknown>(Object.entries(value))
  return fieldNames.every((field) => typeof fields.get(field) === 'number')
}
