import { BackupError } from '@holdfast/core'
import { formatKeyPath, type KeyPath } from './key-path.js'

/** A place in a file, both counted from 1. */
export interface Place {
  readonly line: number
  readonly column: number
}

/** One thing wrong with a configuration, and what to do about it. */
export interface Problem {
  readonly path: KeyPath
  /** What is wrong, as a sentence that follows the path: `must be a whole number.` */
  readonly message: string
  /** What to do about it, as a sentence. */
  readonly hint: string
  /** The key is wrong and not its value. @defaultValue `false` */
  readonly atKey?: boolean
  readonly place?: Place
  readonly cause?: unknown
}

const mostListed = 50

/**
 * Makes the one error for everything wrong with a file, in the order of the file.
 *
 * Guarantee: each problem stands on a line of its own, `file:line:column: path.to.key: what is wrong`, and its remedy in
 * `hint`. With several problems `cause` is an AggregateError that holds a BackupError for each.
 */
export function configError(file: string, problems: readonly Problem[]): BackupError {
  const sorted = [...problems].sort(byPlace)
  const [first] = sorted
  if (first !== undefined && sorted.length === 1) return single(file, first)
  const listed = sorted.slice(0, mostListed)
  const lines = listed.map((problem) => describe(file, problem))
  if (sorted.length > listed.length) lines.push(`${file}: and ${sorted.length - listed.length} more problems.`)
  return new BackupError('E_CONFIG', lines.join('\n'), {
    context: { file, problems: sorted.length },
    hint: listed.map(hintLine).join('\n'),
    cause: new AggregateError(
      listed.map((problem) => single(file, problem)),
      `${sorted.length} problems in ${file}`,
    ),
  })
}

function single(file: string, problem: Problem): BackupError {
  return new BackupError('E_CONFIG', describe(file, problem), {
    context: { file, ...problem.place, ...(problem.path.length > 0 && { path: formatKeyPath(problem.path) }) },
    hint: problem.hint,
    cause: problem.cause,
  })
}

function describe(file: string, { path, place, message }: Problem): string {
  const where = place === undefined ? file : `${file}:${place.line}:${place.column}`
  return path.length === 0 ? `${where}: ${message}` : `${where}: ${formatKeyPath(path)}: ${message}`
}

function hintLine({ path, place, hint }: Problem): string {
  if (path.length > 0) return `${formatKeyPath(path)}: ${hint}`
  return place === undefined ? hint : `line ${place.line}: ${hint}`
}

function byPlace(a: Problem, b: Problem): number {
  const line = (a.place?.line ?? 0) - (b.place?.line ?? 0)
  return line !== 0 ? line : (a.place?.column ?? 0) - (b.place?.column ?? 0)
}
