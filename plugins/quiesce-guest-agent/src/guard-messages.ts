import { type AgentFailure, isAgentFailure } from './agent-failure.js'
import type { FreezeRequest } from './freeze-guest.js'
import type { ThawRequest } from './thaw-guest.js'

/** What a guard is made for: one freeze of one guest. */
export interface GuardRequest extends FreezeRequest, ThawRequest {
  /** When the guest is thawed whatever happens, counted from the request. */
  readonly deadlineMs: number
}

/** What a guard is told. */
export type ToGuard = { readonly kind: 'freeze'; readonly request: GuardRequest } | { readonly kind: 'thaw' }

/** Why a guard thawed: it was asked, the time was up, its owner is gone, or the freeze had failed. */
export type ThawCause = 'asked' | 'deadline' | 'gone' | 'failed'

/** What a guard tells. */
export type FromGuard =
  | { readonly kind: 'frozen'; readonly fileSystems: number }
  /** The freeze failed. Where the agent had been told to freeze, the guard thaws and tells how that went. */
  | { readonly kind: 'failed'; readonly failure: AgentFailure; readonly wasSent: boolean }
  | { readonly kind: 'thawed'; readonly fileSystems: number | undefined; readonly cause: ThawCause }
  | { readonly kind: 'not-thawed'; readonly failure: AgentFailure }

/** Reads a message for a guard; undefined where it is none. */
export function readToGuard(value: unknown): ToGuard | undefined {
  if (!isRecord(value)) return undefined
  if (value['kind'] === 'thaw') return { kind: 'thaw' }
  const request = value['request']
  if (value['kind'] !== 'freeze' || !isRecord(request)) return undefined
  const { path, answerMs, patienceMs, deadlineMs, mountpoints } = request
  if (typeof path !== 'string' || !isMs(answerMs) || !isMs(patienceMs) || !isMs(deadlineMs)) return undefined
  const plain = { path, answerMs, patienceMs, deadlineMs }
  if (mountpoints === undefined) return { kind: 'freeze', request: plain }
  if (!isTexts(mountpoints)) return undefined
  return { kind: 'freeze', request: { ...plain, mountpoints } }
}

/** Reads a message of a guard; undefined where it is none. */
export function readFromGuard(value: unknown): FromGuard | undefined {
  if (!isRecord(value)) return undefined
  const { kind, fileSystems, failure, wasSent, cause } = value
  switch (kind) {
    case 'frozen':
      return typeof fileSystems === 'number' ? { kind, fileSystems } : undefined
    case 'failed':
      return isAgentFailure(failure) && typeof wasSent === 'boolean' ? { kind, failure, wasSent } : undefined
    case 'thawed':
      return (fileSystems === undefined || typeof fileSystems === 'number') && isCause(cause)
        ? { kind, fileSystems, cause }
        : undefined
    case 'not-thawed':
      return isAgentFailure(failure) ? { kind, failure } : undefined
    default:
      return undefined
  }
}

function isCause(value: unknown): value is ThawCause {
  return value === 'asked' || value === 'deadline' || value === 'gone' || value === 'failed'
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((member) => typeof member === 'string')
}

function isMs(value: unknown): value is number {
  return typeof value === 'number' && value > 0 && value <= 2 ** 31 - 1
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
