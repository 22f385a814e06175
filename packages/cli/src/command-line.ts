import type { BackupError } from '@holdfast/core'
import { Command, CommanderError } from 'commander'
import { declareBackups } from './declarations/backups.js'
import type { Declare } from './declarations/declare.js'
import { declareImages } from './declarations/images.js'
import { declarePoints } from './declarations/points.js'
import { declareRepositories } from './declarations/repositories.js'
import { declareTape } from './declarations/tape.js'
import { declareTools } from './declarations/tools.js'
import type { Invocation, Outcome } from './invocation.js'
import { type CommonOptions, usageError } from './output.js'
import { ownVersion } from './own-version.js'

const shells = ['bash', 'zsh', 'fish', 'powershell']

/** A command line that was understood. */
export interface ChosenCommand {
  readonly name: string
  readonly common: CommonOptions
  /** Prints events with `--json`, and a result as the last line; else one document. */
  readonly streams: boolean
  readonly perform: (invocation: Invocation) => Promise<Outcome>
}

/** Declares the program; `onChosen` is called during parsing. */
function declareProgram(onChosen: (command: ChosenCommand) => void): Command {
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
  const declare: Declare = (name, description, parent = program) => {
    const command = parent.command(name).description(description)
    const choose: ReturnType<Declare>[1] = (streams, perform) =>
      onChosen({ name: fullName(command), common: program.opts<CommonOptions>(), streams, perform })
    return [command, choose]
  }
  declareBackups(declare)
  declarePoints(declare)
  declareRepositories(declare)
  declareTape(declare)
  declareImages(declare)
  declareTools(declare)
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
  const word = args.find((arg) => !arg.startsWith('-'))
  if (word === 'completion' || word === 'complete') (await import('./completion.js')).addCompletion(program)
  else program.command('completion').description('print a completion script').argument('<shell>', shells.join(', '))
  try {
    await program.parseAsync(args, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return undefined
    throw wrongCommandLine(error, program, args)
  }
  return chosen[0]
}

function wrongCommandLine(error: CommanderError, program: Command, args: readonly string[]): BackupError {
  const command = namedCommand(program, args)
  if (error.code === 'commander.help') {
    const hint =
      command === program
        ? "Start with 'holdfast plan', 'holdfast run' or 'holdfast list'."
        : `Choose one: ${command.commands.map((one) => fullName(one)).join(', ')}.`
    return usageError('A command is missing.', hint)
  }
  const [first = '', suggestion] = error.message.replace(/^error: /, '').split('\n')
  const message = `${first.charAt(0).toUpperCase()}${first.slice(1)}${/[.?!)]$/.test(first) ? '' : '.'}`
  const help = command === program ? '--help' : `${fullName(command)} --help`
  return usageError(message, suggestion?.replace(/^\(|\)$/g, '') ?? `See 'holdfast ${help}'.`)
}

/** The command that the words of a command line name, as far as they do. */
function namedCommand(program: Command, args: readonly string[]): Command {
  const words = args.filter((arg) => !arg.startsWith('-'))
  return words.reduce((command, word) => command.commands.find((child) => child.name() === word) ?? command, program)
}

function fullName(command: Command): string {
  const parent = command.parent
  return parent === null || parent.parent === null ? command.name() : `${fullName(parent)} ${command.name()}`
}
