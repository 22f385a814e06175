import { isQmpError } from '@holdfast/protocol-qmp'

/** Why a freeze or a thaw did not come about, as plain data: it crosses from one process to another. */
export interface AgentFailure {
  readonly kind: 'agent' | 'timeout'
  /** A clause, without a full stop. */
  readonly message: string
  readonly hint?: string
}

/** An agent that answers, but not as it must. */
export class AgentError extends Error {
  readonly hint: string | undefined

  constructor(message: string, hint?: string) {
    super(message)
    this.name = 'AgentError'
    this.hint = hint
  }
}

/** Makes a failure of what was thrown. */
export function failureOf(error: unknown): AgentFailure {
  const kind = isQmpError(error) && error.code === 'timeout' ? 'timeout' : 'agent'
  const message = (error instanceof Error ? error.message : String(error)).replace(/\.$/, '')
  const hint = hintOf(error)
  return { kind, message, ...(hint === undefined ? {} : { hint }) }
}

/** Tells whether a value that was received is a failure. */
export function isAgentFailure(value: unknown): value is AgentFailure {
  if (typeof value !== 'object' || value === null || !('kind' in value) || !('message' in value)) return false
  const hint = 'hint' in value ? value.hint : undefined
  return (
    (value.kind === 'agent' || value.kind === 'timeout') &&
    typeof value.message === 'string' &&
    (hint === undefined || typeof hint === 'string')
  )
}

function hintOf(error: unknown): string | undefined {
  if (error instanceof AgentError) return error.hint
  if (!isQmpError(error)) return undefined
  if (error.code === 'command') {
    return "The guest agent's words are in the message; look into the guest's freeze hooks, or its VSS writers."
  }
  if (error.code === 'closed') {
    return 'Check that the machine still runs, and that nothing else uses the channel of its guest agent.'
  }
  return error.hint
}
