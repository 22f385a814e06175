/** Settings of fast-check for damage: as many runs as HOLDFAST_FUZZ_RUNS says, or these; the first failure ends them. */
export function fuzzRuns(numRuns: number): { numRuns: number; seed: number; endOnFailure: true } {
  return {
    numRuns: Number(process.env['HOLDFAST_FUZZ_RUNS'] ?? numRuns),
    seed: Number(process.env['HOLDFAST_FUZZ_SEED'] ?? 20_261_123),
    endOnFailure: true,
  }
}
