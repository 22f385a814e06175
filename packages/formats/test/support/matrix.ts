import { appendFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import type { Judge } from './judges.js'

/** One cell of the matrix: who wrote an image, who read it, and what is known to be wrong with the reader. */
export interface MatrixCase {
  /** Format, variant and options. */
  readonly image: string
  readonly writtenBy: string
  readonly readBy: Judge['name'] | 'holdfast'
  /** `equal`: the same bytes. `refuses` and `differs`: a known defect of the judge, told in `note`. */
  readonly outcome?: 'equal' | 'refuses' | 'differs'
  readonly note?: string
}

/**
 * Tests one cell of the matrix: reads the disk and compares digests.
 *
 * A known defect is asserted too: once the judge is mended, the test says so. With `HOLDFAST_MATRIX` set to a file, each
 * cell that holds adds a line to it.
 */
export function matrixCase(
  { image, writtenBy, readBy, outcome = 'equal', note = '' }: MatrixCase,
  make: () => Promise<{ readonly digest: string; readonly read: () => Promise<string> }>,
): void {
  it(`${image}, written by ${writtenBy}: ${readBy} ${outcome === 'equal' ? 'reads the same bytes' : outcome}${note && ` (${note})`}`, {
    timeout: 120_000,
  }, async () => {
    const { digest, read } = await make()
    if (outcome === 'refuses') await expect(read()).rejects.toThrow()
    else if (outcome === 'differs') expect(await read()).not.toBe(digest)
    else expect(await read()).toBe(digest)
    const file = process.env['HOLDFAST_MATRIX']
    if (file !== undefined) appendFileSync(file, `${[image, writtenBy, readBy, outcome, note].join('\t')}\n`)
  })
}
