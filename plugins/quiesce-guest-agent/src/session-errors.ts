import { BackupError, type MachineRef } from '@holdfast/core'
import type { AgentFailure } from './agent-failure.js'

const thawHint =
  "If the guest is still frozen, run 'holdfast doctor --thaw', or send guest-fsfreeze-thaw to its agent by hand."

/** Makes the error of a freeze. */
export function freezeError(machine: MachineRef, { kind, message, hint }: AgentFailure): BackupError {
  const code = kind === 'timeout' ? 'E_TIMEOUT' : 'E_FREEZE'
  return new BackupError(code, `The guest of machine '${machine.name}' could not be frozen: ${message}.`, {
    plugin: 'guest-agent',
    operation: 'quiesce.freeze',
    context: { machine: machine.id },
    ...(hint === undefined ? {} : { hint }),
  })
}

/** Makes the error of a guest that does not tell whether it is frozen. */
export function inspectError(machine: MachineRef, { kind, message, hint }: AgentFailure): BackupError {
  const code = kind === 'timeout' ? 'E_TIMEOUT' : 'E_FREEZE'
  return new BackupError(
    code,
    `The guest of machine '${machine.name}' does not tell whether it is frozen: ${message}.`,
    {
      plugin: 'guest-agent',
      operation: 'quiesce.inspect',
      context: { machine: machine.id },
      ...(hint === undefined ? {} : { hint }),
    },
  )
}

/** Makes the error of a guest that may still be frozen. */
export function thawError(machine: MachineRef, { message, hint }: AgentFailure): BackupError {
  return new BackupError('E_THAW', `The guest of machine '${machine.name}' could not be thawed: ${message}.`, {
    plugin: 'guest-agent',
    operation: 'quiesce.thaw',
    context: { machine: machine.id },
    hint: hint === undefined ? thawHint : `${hint} ${thawHint}`,
  })
}

/** Makes the error of a guest that was thawed while it should have been frozen: what was captured cannot be trusted. */
export function thawedEarlyError(machine: MachineRef, how: string): BackupError {
  return new BackupError(
    'E_THAW',
    `The guest of machine '${machine.name}' was thawed too early, ${how}: what was captured may be of no single moment.`,
    {
      plugin: 'guest-agent',
      operation: 'quiesce.thaw',
      context: { machine: machine.id },
      hint: 'Find out what takes the capture so long, or what else uses the guest agent.',
    },
  )
}
