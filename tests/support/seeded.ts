import { seededNumbers } from '@holdfast/testkit/images'

/** Whole numbers below a bound, always the same for one seed. */
export interface SeededChoice {
  readonly seed: number
  readonly below: (bound: number) => number
}

/** Starts a row of choices; `HOLDFAST_TEST_SEED` replays one that failed. */
export function seededChoice(seed: number = defaultSeed()): SeededChoice {
  const next = seededNumbers(seed)
  return { seed, below: (bound) => (bound <= 0 ? 0 : next() % bound) }
}

function defaultSeed(): number {
  const wanted = process.env['HOLDFAST_TEST_SEED']
  return wanted === undefined ? Date.now() % 1_000_000 : Number(wanted)
}
