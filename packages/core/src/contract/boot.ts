import { globMatches } from '../model/glob.js'
import { printableEnd } from '../model/printable-end.js'
import { BackupError } from './errors.js'

/** What shows that a machine is up. The time runs from the start of the machine. */
export type BootProbe = SerialProbe | AgentProbe | CommandProbe

/** A line appears on the first serial port. */
export interface SerialProbe {
  readonly kind: 'serial'
  /**
   * Text that a line must hold, `*` standing for anything within the line; case matters. An unfinished line counts.
   *
   * No regular expression: the guest decides what it is compared with, and some take for ever. {@link serialPatternMatches}.
   */
  readonly pattern: string
  readonly timeoutMs: number
}

/** The agent in the guest answers. */
export interface AgentProbe {
  readonly kind: 'agent'
  readonly timeoutMs: number
}

/** A command in the guest ends with exit code 0. */
export interface CommandProbe {
  readonly kind: 'command'
  /** Command line for the guest's own shell: `/bin/sh -c`, or `cmd.exe /c`. Run once, as soon as the agent answers. */
  readonly command: string
  readonly timeoutMs: number
}

/** A machine that passed its probe. Disposing it stops the machine and drops what the guest wrote. */
export interface BootedMachine extends AsyncDisposable {
  /** From the start of the machine until the probe was answered, in ms. */
  readonly bootMs: number
  /** What the probe saw: the console up to the line, what the agent or the command said. At most 64 KiB, its end. */
  readonly evidence: string
}

const maxPatternLength = 256
const maxCommandLength = 4096
const maxSeenBytes = 1024
const maxTimeoutMs = 24 * 3_600_000

/** Refuses a probe that no machine could answer, or that has no bounds. @throws BackupError `E_CONFIG` */
export function checkBootProbe(probe: BootProbe): BootProbe {
  if (probe.kind === 'serial') checkText('pattern', probe.pattern, maxPatternLength)
  if (probe.kind === 'command') checkText('command', probe.command, maxCommandLength)
  const { timeoutMs } = probe
  if (!Number.isSafeInteger(timeoutMs) || timeoutMs < 1 || timeoutMs > maxTimeoutMs)
    throw wrongProbe(`its time is ${timeoutMs} ms`, 'Give it from 1 ms to 24 h.')
  return probe
}

/** Tells whether a line of a console is what a serial probe waits for. */
export function serialPatternMatches(pattern: string, line: string): boolean {
  return globMatches(`*${pattern}*`, line)
}

/** Names a probe for people: `serial 'login:'`. */
export function describeBootProbe(probe: BootProbe): string {
  switch (probe.kind) {
    case 'serial':
      return `serial '${probe.pattern}'`
    case 'agent':
      return 'agent'
    case 'command':
      return `command '${probe.command}'`
  }
}

/** Makes the error of a machine that did not come up: why, as a sentence, and the end of what was seen of it. */
export function bootFailed(plugin: string, probe: BootProbe, why: string, seen: string): BackupError {
  const last = printableEnd(seen, maxSeenBytes)
  return new BackupError('E_BOOT', `${why} ${last === '' ? 'It showed nothing.' : `It showed last: ${last}`}`, {
    plugin,
    operation: 'source.boot',
    context: { probe: describeBootProbe(probe) },
    hint: 'Give it more time or another probe, or restore it and look at its console.',
  })
}

function checkText(what: string, text: string, maxLength: number): void {
  if (text.trim() === '') throw wrongProbe(`its ${what} is empty`, `Write a ${what}.`)
  if (text.length > maxLength)
    throw wrongProbe(`its ${what} has ${text.length} characters`, `At most ${maxLength} are taken.`)
  if (/\p{Cc}/u.test(text)) throw wrongProbe(`its ${what} has control characters`, 'Write one line of plain text.')
}

function wrongProbe(why: string, hint: string): BackupError {
  return new BackupError('E_CONFIG', `The boot probe is wrong: ${why}.`, { hint })
}
