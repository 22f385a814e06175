import { isRecord, type JsonRecord } from '../wire/fields.js'

/** A command that a fake received. */
export interface FakeCall {
  readonly command: string
  /** Empty where the command had none. */
  readonly args: JsonRecord
}

/**
 * What a fake answers to a command: a value to return, a function that makes one, or a promise of one. `fakeFailure(…)` for
 * an error, `noAnswer` for silence. What a function throws becomes an error of the class `FakeError`.
 */
export type FakeAnswer = unknown

/** Answers by command. */
export type FakeAnswers = Readonly<Record<string, FakeAnswer>>

/** Says nothing to a command, ever. */
export const noAnswer: unique symbol = Symbol('no answer')

const failed: unique symbol = Symbol('failure')

/** An error as an answer. */
export interface FakeFailure {
  readonly [failed]: { readonly class: string; readonly desc: string }
}

/** Fails a command, in QEMU's words. */
export function fakeFailure(desc: string, errorClass = 'GenericError'): FakeFailure {
  return { [failed]: { class: errorClass, desc } }
}

/** Reads a command off the wire. */
export function readCall(message: JsonRecord): FakeCall & { readonly id: unknown } {
  const { execute, arguments: args, id } = message
  return { command: typeof execute === 'string' ? execute : '', args: isRecord(args) ? args : {}, id }
}

/** Makes the message that answers a call; undefined for none. */
export async function answerTo(answers: FakeAnswers, call: FakeCall): Promise<JsonRecord | undefined> {
  if (!Object.hasOwn(answers, call.command)) {
    const desc = `The command ${call.command} has not been found`
    return { error: { class: 'CommandNotFound', desc } }
  }
  try {
    const scripted = answers[call.command]
    return message(typeof scripted === 'function' ? await scripted(call) : await scripted)
  } catch (error) {
    return { error: { class: 'FakeError', desc: String(error) } }
  }
}

function message(value: unknown): JsonRecord | undefined {
  if (value === noAnswer) return undefined
  if (isFailure(value)) return { error: value[failed] }
  return { return: value ?? {} }
}

function isFailure(value: unknown): value is FakeFailure {
  return typeof value === 'object' && value !== null && failed in value
}
