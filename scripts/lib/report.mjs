/**
 * Prints each problem and the closing count of a check, and sets the exit code.
 *
 * @param {number} checked How many things were looked at.
 * @param {readonly string[]} problems
 * @param {number} [failed] How many of them are bad, when a bad one may have several problems.
 */
export function report(checked, problems, failed = problems.length) {
  for (const problem of problems) console.error(problem)
  console.log(`${checked - failed} passed, ${failed} failed`)
  if (failed > 0) process.exitCode = 1
}
