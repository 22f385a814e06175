import { BackupError } from '@holdfast/core'
import { type ChosenCommand, parseCommandLine } from './command-line.js'
import { type ExitCode, exitCodeOf } from './exit-code.js'
import type { HeadStart } from './head-start.js'
import { createOutput, type Output, usageError } from './output.js'
import { errorDocument } from './render/errors.js'
import { resultEvent } from './render/json-events.js'
import { stopSignal } from './stop-signal.js'

const streams = { out: process.stdout, err: process.stderr, environment: process.env }

/** Runs the program and ends the process. */
export async function main(headStart: HeadStart): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', ignoreClosedPipe)
  const exitCode = await execute(process.argv.slice(2), headStart)
  await Promise.all([drained(process.stdout), drained(process.stderr)])
  process.exit(exitCode)
}

async function execute(args: readonly string[], headStart: HeadStart): Promise<ExitCode> {
  let command: ChosenCommand | undefined
  try {
    command = await parseCommandLine(args)
  } catch (error) {
    createOutput(streams, { color: !args.includes('--no-color') }).error(error)
    return exitCodeOf(error)
  }
  if (command === undefined) return 0
  return perform(command, createOutput(streams, command.common), headStart)
}

async function perform(command: ChosenCommand, output: Output, headStart: HeadStart): Promise<ExitCode> {
  const { name, common, streams: printsEvents } = command
  using stop = stopSignal(process)
  const { signal } = stop
  try {
    const { exitCode, result } = await command.perform({
      common,
      output,
      signal,
      cwd: workingFolder(),
      environment: process.env,
      headStart,
    })
    if (printsEvents) output.event(resultEvent(name, exitCode, result ?? {}))
    return exitCode
  } catch (thrown) {
    // An abort may surface as whatever broke first; that it was stopped is what counts.
    const error =
      signal.aborted && !isOwnReason(thrown, signal)
        ? new BackupError('E_ABORTED', 'Stopped.', { cause: thrown })
        : thrown
    const exitCode = exitCodeOf(error)
    output.error(error)
    if (printsEvents) output.event(resultEvent(name, exitCode, { error: errorDocument(error) }))
    return exitCode
  } finally {
    headStart.leaveNote()
  }
}

function workingFolder(): string {
  try {
    return process.cwd()
  } catch {
    throw usageError('The working folder is gone.', 'Change into a folder that is there, and run again.')
  }
}

function isOwnReason(thrown: unknown, signal: AbortSignal): boolean {
  return thrown === signal.reason
}

/** A reader that went away (`| head`) stops the printing, never a backup. */
function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error
}

function drained(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed || stream.writableLength === 0) resolve()
    else stream.write('', () => resolve())
  })
}
