// Damages disk images and file systems for longer than the tests do, with a new seed each time: node scripts/fuzz.mjs [mutants a suite]
import { randomInt } from 'node:crypto'
import { runOrExit } from './lib/run.mjs'

const mutants = Number(process.argv[2] ?? 500_000)
if (!Number.isSafeInteger(mutants) || mutants < 1) {
  console.error('usage: node scripts/fuzz.mjs [damaged images a suite, default 500000]')
  process.exit(2)
}
const seed = process.env['HOLDFAST_FUZZ_SEED'] ?? String(randomInt(2 ** 31))
console.log(`${mutants} damaged images a suite; to repeat: HOLDFAST_FUZZ_SEED=${seed} pnpm fuzz ${mutants}`)
runOrExit('vitest', ['run', '--project', 'packages/formats', '--project', 'packages/filesystems', 'hostile'], {
  ...process.env,
  HOLDFAST_FUZZ_RUNS: String(mutants),
  HOLDFAST_FUZZ_SEED: seed,
})
