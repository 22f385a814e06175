import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Runs a command that is not measured and returns what it printed; its error output is in the error if it fails. */
export async function runQuietly(
  program: string,
  args: readonly string[],
  options: { readonly env?: Readonly<Record<string, string>>; readonly cwd?: string } = {},
): Promise<string> {
  const { stdout } = await run(program, args, {
    ...(options.cwd !== undefined ? { cwd: options.cwd } : {}),
    // Debian keeps file-system tools where ordinary users do not look.
    env: { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/sbin`, ...options.env },
    maxBuffer: 64 * 1024 * 1024,
  })
  return stdout
}
