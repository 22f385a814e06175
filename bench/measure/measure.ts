import { spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync, rmSync } from 'node:fs'

/** A command as a user would type it. */
export interface Command {
  readonly program: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
}

/** What one run of a command took, as a whole process with its children. */
export interface Measurement {
  readonly wallSeconds: number
  readonly userSeconds: number
  readonly systemSeconds: number
  /** Peak resident memory of the largest process. */
  readonly peakBytes: number
}

/**
 * Runs a command under GNU time. Its output goes to `logFile`.
 *
 * @throws Error with the end of that output if the command fails.
 */
export async function measure(command: Command, logFile: string): Promise<Measurement> {
  const timeFile = `${logFile}.time`
  const code = await runUnderTime(command, timeFile, logFile)
  if (code !== 0) {
    const output = readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-20).join('\n')
    throw new Error(`${describeCommand(command)}: exit code ${code}\n${output}`)
  }
  const measurement = parseTimes(readFileSync(timeFile, 'utf8'))
  rmSync(timeFile)
  return measurement
}

/** Prints a command on one line. */
export function describeCommand({ program, args }: Command): string {
  return [program, ...args].join(' ')
}

function runUnderTime(command: Command, timeFile: string, logFile: string): Promise<number | null> {
  const log = openSync(logFile, 'w')
  const args = ['--format', '%e %U %S %M', '--output', timeFile, '--', command.program, ...command.args]
  return new Promise<number | null>((resolve, reject) => {
    const child = spawn('/usr/bin/time', args, {
      ...(command.cwd !== undefined ? { cwd: command.cwd } : {}),
      env: { ...process.env, ...command.env },
      stdio: ['ignore', log, log],
    })
    child.once('error', reject)
    child.once('close', (code) => resolve(code))
  }).finally(() => closeSync(log))
}

/** Parses the line that GNU time writes for the format `%e %U %S %M`. */
export function parseTimes(text: string): Measurement {
  const [wallSeconds, userSeconds, systemSeconds, peakKib] = text.trim().split(' ').map(Number)
  if (
    wallSeconds === undefined ||
    userSeconds === undefined ||
    systemSeconds === undefined ||
    peakKib === undefined ||
    ![wallSeconds, userSeconds, systemSeconds, peakKib].every(Number.isFinite)
  ) {
    throw new Error(`GNU time wrote something else than times: ${text}`)
  }
  return { wallSeconds, userSeconds, systemSeconds, peakBytes: peakKib * 1024 }
}
