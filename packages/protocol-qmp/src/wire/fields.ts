import { protocolError } from '../qmp-error.js'

/** A JSON object of which nothing is known yet. */
export type JsonRecord = Readonly<Record<string, unknown>>

/** Tells a JSON object from other values. */
export function isRecord(value: unknown): value is JsonRecord {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Takes a value for an object. @throws QmpError `protocol`, as all of these do */
export function recordOf(value: unknown, where: string): JsonRecord {
  if (!isRecord(value)) throw protocolError(`${where} is not an object`)
  return value
}

/** Takes a value for a list and reads each member. */
export function listOf<T>(value: unknown, where: string, read: (member: unknown, where: string) => T): readonly T[] {
  if (!Array.isArray(value)) throw protocolError(`${where} is not a list`)
  return value.map((member: unknown) => read(member, `A member of ${where}`))
}

/** Takes a value for a text. */
export function textOf(value: unknown, where: string): string {
  if (typeof value !== 'string') throw protocolError(`${where} is not a text`)
  return value
}

/** Takes a value for a truth value. */
export function flagOf(value: unknown, where: string): boolean {
  if (typeof value !== 'boolean') throw protocolError(`${where} is neither true nor false`)
  return value
}

/** Takes a value for a whole number that JavaScript holds exactly. */
export function integerOf(value: unknown, where: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw protocolError(`${where} is not a whole number`)
  return value
}

/** Takes a value for a size or a count: a whole number from zero. */
export function sizeOf(value: unknown, where: string): number {
  const size = integerOf(value, where)
  if (size < 0) throw protocolError(`${where} is negative`)
  return size
}

/** Reads a field that may be absent. */
export function optional<T>(value: unknown, where: string, read: (value: unknown, where: string) => T): T | undefined {
  return value === undefined ? undefined : read(value, where)
}
