import { BackupError, type Logger } from '@holdfast/core'
import pc from 'picocolors'
import { type ErrorDocument, renderError, renderErrorDocument } from './render/errors.js'
import type { CliEvent } from './render/json-events.js'
import { printable } from './render/printable.js'

/** The options that every command has. */
export interface CommonOptions {
  readonly config?: string
  readonly json?: boolean
  readonly quiet?: boolean
  readonly color?: boolean
}

/** The streams and settings that the program speaks through. */
export interface Streams {
  readonly out: NodeJS.WriteStream
  readonly err: NodeJS.WriteStream
  readonly environment: Readonly<Record<string, string | undefined>>
}

/** Everything that the program says goes through here: text for people, lines for machines, errors. */
export interface Output {
  readonly json: boolean
  readonly colors: ReturnType<typeof pc.createColors>
  /** Lines may be redrawn: a terminal, and nobody asked for silence or JSON. */
  readonly live: boolean
  readonly columns: () => number
  /** Prints a line for people; nothing with `--json` or `--quiet`. */
  readonly line: (text: string) => void
  /** Prints raw text for people: redrawn lines. */
  readonly raw: (text: string) => void
  /** Prints an event, or a result, as one line of JSON; nothing without `--json`. */
  readonly event: (event: CliEvent) => void
  /** Prints a document as JSON; nothing without `--json`. */
  readonly document: (value: unknown) => void
  /** Prints what went wrong on stderr. */
  readonly error: (error: unknown) => void
  /** Prints what a report says went wrong on stderr. */
  readonly failure: (document: ErrorDocument) => void
  /** Prints what went wrong without stopping anything on stderr. */
  readonly warning: (text: string) => void
  /** From now on this text is never printed. */
  readonly hide: (secret: string) => void
  readonly logger: Logger
}

/** Shorter secrets are not looked for in what is printed: every other word would hold one. */
const shortestHidden = 6

/** Makes the output; nothing is printed before. */
export function createOutput({ out, err, environment }: Streams, options: CommonOptions): Output {
  const json = options.json === true
  const quiet = options.quiet === true
  const debug = environment['HOLDFAST_DEBUG'] === '1'
  const wantsColor = (stream: NodeJS.WriteStream) => {
    if (options.color === false || (environment['NO_COLOR'] ?? '') !== '') return false
    if ((environment['FORCE_COLOR'] ?? '') !== '') return environment['FORCE_COLOR'] !== '0'
    return stream.isTTY === true && environment['TERM'] !== 'dumb'
  }
  const colors = pc.createColors(wantsColor(out) && !json)
  const errColors = pc.createColors(wantsColor(err))
  const secrets = new Set<string>()
  const masked = (text: string): string => {
    let result = text
    for (const secret of secrets) result = result.replaceAll(secret, '[secret]')
    return result
  }
  const toOut = (text: string) => void out.write(masked(text))
  const toErr = (text: string) => void err.write(masked(text))
  const style = { strong: errColors.red, faint: errColors.dim, stacks: debug }
  const event = (value: CliEvent) => {
    if (json) toOut(`${JSON.stringify(value)}\n`)
  }
  const warning = (text: string) => toErr(`holdfast: ${errColors.yellow('warning:')} ${printable(text)}\n`)
  return {
    json,
    colors,
    live: !json && !quiet && out.isTTY === true && environment['TERM'] !== 'dumb',
    columns: () => out.columns || 80,
    line: (text) => {
      if (!json && !quiet) toOut(`${text}\n`)
    },
    raw: toOut,
    event,
    document: (value) => {
      if (json) toOut(`${JSON.stringify(value, undefined, 2)}\n`)
    },
    error: (error) => toErr(renderError(error, style)),
    failure: (document) => toErr(renderErrorDocument(document, style)),
    warning,
    hide: (secret) => {
      if (secret.length < shortestHidden) return
      secrets.add(secret)
      secrets.add(JSON.stringify(secret).slice(1, -1))
    },
    logger: logger(json ? event : undefined, warning, debug),
  }
}

function logger(event: Output['event'] | undefined, warning: Output['warning'], debug: boolean): Logger {
  const log =
    (level: keyof Logger): Logger[keyof Logger] =>
    (message, fields) => {
      if (event !== undefined) event({ type: 'log', level, message, ...(fields && { fields }) })
      else warning(`${message}${fields === undefined ? '' : ` (${describeFields(fields)})`}`)
    }
  const silent = () => {}
  return {
    trace: silent,
    debug: debug ? log('debug') : silent,
    info: debug ? log('info') : silent,
    warn: log('warn'),
    error: log('error'),
    fatal: log('fatal'),
  }
}

function describeFields(fields: Readonly<Record<string, unknown>>): string {
  return Object.entries(fields)
    .map(([name, value]) => `${name} ${String(value)}`)
    .join(', ')
}

/** The error for a command line that cannot be meant. */
export function usageError(message: string, hint: string): BackupError {
  return new BackupError('E_USAGE', message, { hint })
}
