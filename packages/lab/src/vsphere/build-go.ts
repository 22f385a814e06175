import { createHash } from 'node:crypto'
import { existsSync, globSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { runAside } from '../programs/run.ts'

const cache = join(import.meta.dirname, '../../node_modules/.cache/go')
/** The first build compiles govmomi with all its types. */
const limitMs = 300_000

/**
 * Builds a folder of Go sources with what Debian's packages hold, unless it was built before, and returns the program.
 *
 * Two processes that build at once both succeed: a program appears whole.
 *
 * @throws Error with what the compiler said
 */
export async function buildGo(folder: string): Promise<string> {
  const sources = globSync(join(folder, '*.go')).sort()
  const digest = createHash('sha256')
  for (const file of sources) digest.update(basename(file)).update('\0').update(readFileSync(file)).update('\0')
  const program = join(cache, `${basename(folder)}-${digest.digest('hex').slice(0, 24)}`)
  if (existsSync(program)) return program
  mkdirSync(cache, { recursive: true })
  const unfinished = `${program}.${process.pid}-${performance.now()}`
  try {
    const environment = { GOPATH: '/usr/share/gocode', GO111MODULE: 'off', GOFLAGS: '-trimpath -buildvcs=false' }
    await runAside('go', ['build', '-o', unfinished, ...sources], environment, limitMs)
    renameSync(unfinished, program)
    // Each is tens of megabytes; one that runs is not harmed.
    const finished = new RegExp(`/${basename(folder)}-[0-9a-f]{24}$`)
    for (const old of globSync(`${cache}/*`)) if (finished.test(old) && old !== program) rmSync(old, { force: true })
  } finally {
    rmSync(unfinished, { force: true })
  }
  return program
}
