import { BackupError } from '@holdfast/core'
import { Command, CommanderError } from 'commander'
import { declareCommands } from './declarations.js'
import type { Invocation, Outcome } from './invocation.js'
import type { CommonOptions } from './output.js'
import { ownVersion } from './own-version.js'

/** A command line that was understood. */
export interface ChosenCommand {
  readonly name: string
  readonly common: CommonOptions
  /** Prints events with `--json`, and a result as the last line; else one document. */
  readonly streams: boolean
  readonly perform: (invocation: Invocation) => Promise<Outcome>
}

/** What a declared command calls when it is the one. */
export type Choose = (streams: boolean, perform: ChosenCommand['perform']) => void

/** Declares the program; `onChosen` is called during parsing. */
export function declareProgram(onChosen: (command: ChosenCommand) => void): Command {
  const program = new Command('holdfast')
  program
    .description('Backs up virtual machines as the configuration says.')
    .version(ownVersion(), '-V, --version', 'print the version')
    .option('-c, --config <file>', 'configuration (default: holdfast.yaml or holdfast.config.ts here)')
    .option('--json', 'print JSON instead of text')
    .option('-q, --quiet', 'print errors only')
    .option('--no-color', 'print without colours')
    .helpOption('-h, --help', 'print help')
    .helpCommand('help [command]', 'print help for a command')
    .configureHelp({ showGlobalOptions: true })
    .exitOverride()
    .configureOutput({ outputError: () => {} })
    .addHelpText('after', '\nExit codes: 0 done, 1 failed, 2 wrong use or configuration, 3 partial.')
  declareCommands(program, (command) => (streams, perform) => {
    onChosen({ name: fullName(command), common: program.opts<CommonOptions>(), streams, perform })
  })
  return program
}

/**
 * Understands a command line; `undefined` when it only asked for help or the version, which are then printed.
 *
 * @throws BackupError `E_USAGE`
 */
export async function parseCommandLine(args: readonly string[]): Promise<ChosenCommand | undefined> {
  const chosen: ChosenCommand[] = []
  const program = declareProgram((command) => chosen.push(command))
  try {
    await program.parseAsync(args, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return undefined
    throw wrongCommandLine(error, args)
  }
  return chosen[0]
}

function wrongCommandLine(error: CommanderError, args: readonly string[]): BackupError {
  if (error.code === 'commander.help') {
    return new BackupError('E_USAGE', 'A command is missing.', {
      hint: "Start with 'holdfast plan', 'holdfast run' or 'holdfast list'.",
    })
  }
  const [first = '', second] = error.message.replace(/^error: /, '').split('\n')
  const message = `${first.charAt(0).toUpperCase()}${first.slice(1)}${/[.?!)]$/.test(first) ? '' : '.'}`
  const command = args.find((arg) => !arg.startsWith('-')) ?? ''
  const asked = second?.replace(/^\(|\)$/g, '')
  const known = error.code === 'commander.unknownCommand' ? '' : ` ${command}`
  return new BackupError('E_USAGE', message, { hint: asked ?? `See 'holdfast${known} --help'.` })
}

function fullName(command: Command): string {
  const parent = command.parent
  return parent === null || parent.parent === null ? command.name() : `${fullName(parent)} ${command.name()}`
}
