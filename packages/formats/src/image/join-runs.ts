import type { Run } from './layer.js'

/** Joins neighbouring runs that are one: same kind, and for stored ones the same file without a gap. */
export async function* joinRuns(runs: AsyncIterable<Run>): AsyncGenerator<Run, void, undefined> {
  let held: Run | undefined
  for await (const run of runs) {
    if (run.length === 0) continue
    const joined = held === undefined ? undefined : join(held, run)
    if (joined === undefined) {
      if (held !== undefined) yield held
      held = run
    } else held = joined
  }
  if (held !== undefined) yield held
}

function join(a: Run, b: Run): Run | undefined {
  if (a.kind !== b.kind || a.kind === 'packed') return undefined
  if (a.kind === 'stored' && (b.kind !== 'stored' || a.source !== b.source || a.at + a.length !== b.at))
    return undefined
  return { ...a, length: a.length + b.length }
}
