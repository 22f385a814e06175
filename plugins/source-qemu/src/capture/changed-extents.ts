import type { Extent } from '@holdfast/core'

/** A range of a disk, in bytes. */
export type Span = Pick<Extent, 'offset' | 'length'>

/** Most that is asked about at once for changes that lie apart: QEMU looks at what lies between them as well. */
export const windowBytes = 2 ** 26

/**
 * Tells what changed ranges hold. Changes that lie near each other are asked about together: a guest's writes are many and
 * small, and a question costs more than what lies between them.
 *
 * `changes` and what `allocation` yields ascend and do not overlap; `allocation` covers all of what it is asked about.
 */
export async function* changedExtents(
  changes: AsyncIterable<Span>,
  allocation: (span: Span) => AsyncIterable<Extent>,
): AsyncGenerator<Extent, void> {
  let group: Span[] = []
  for await (const change of changes) {
    const [first] = group
    if (first !== undefined && endOf(change) - first.offset > windowBytes) {
      yield* within(group, allocation(hullOf(group)))
      group = []
    }
    if (change.length > 0) group.push(change)
  }
  if (group.length > 0) yield* within(group, allocation(hullOf(group)))
}

/** Cuts extents to the spans; both ascend. */
async function* within(spans: readonly Span[], extents: AsyncIterable<Extent>): AsyncGenerator<Extent, void> {
  let next = 0
  for await (const extent of extents) {
    for (let span = spans[next]; span !== undefined && span.offset < endOf(extent); span = spans[next]) {
      const from = Math.max(span.offset, extent.offset)
      const to = Math.min(endOf(span), endOf(extent))
      if (to > from) yield { offset: from, length: to - from, kind: extent.kind }
      if (endOf(span) > endOf(extent)) break
      next++
    }
  }
}

function hullOf(spans: readonly Span[]): Span {
  const offset = spans[0]?.offset ?? 0
  return { offset, length: endOf(spans.at(-1) ?? { offset, length: 0 }) - offset }
}

function endOf({ offset, length }: Span): number {
  return offset + length
}
