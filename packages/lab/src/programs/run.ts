import { execFile, execFileSync } from 'node:child_process'
import { delimiter } from 'node:path'

/** The environment of a program: what it says is English and UTC, and a user's PATH may lack the folders of the system's. */
export function programEnvironment(): NodeJS.ProcessEnv {
  const path = [process.env['PATH'], '/usr/sbin', '/sbin'].join(delimiter)
  return { ...process.env, PATH: path, TZ: 'UTC', LC_ALL: 'C.UTF-8' }
}

/** Runs a program and returns its output; its error output becomes the message of what is thrown. */
export function run(program: string, ...args: readonly string[]): string {
  return runWith('', program, ...args)
}

/** Runs a program with text as its input. */
export function runWith(input: string, program: string, ...args: readonly string[]): string {
  const env = programEnvironment()
  return execFileSync(program, args, {
    input,
    env,
    encoding: 'utf8',
    stdio: 'pipe',
    maxBuffer: 2 ** 28,
    timeout: 180_000,
  })
}

/** Runs a program without blocking, as it may talk to a server in this process. @throws Error with what the program said */
export async function runAside(
  program: string,
  args: readonly string[],
  more: NodeJS.ProcessEnv = {},
  limitMs = 60_000,
): Promise<string> {
  return await new Promise((resolve, reject) => {
    const options = { env: { ...programEnvironment(), ...more }, timeout: limitMs }
    execFile(program, args, options, (error, output, complaints) => {
      if (error === null) resolve(output)
      else reject(new Error(`${program} ${args.join(' ')}: ${complaints}${output}`.trim(), { cause: error }))
    })
  })
}
