import { type IssueDetail, readIssue } from './issue-detail.js'
import { isMapping, type KeyPath, valueAt } from './key-path.js'
import type { Problem } from './problem.js'
import { descriptionAt, exampleAt, type JsonSchema, knownKeys, schemasAt } from './schema-lookup.js'
import { isSecretKey, mayHoldSecret, secretHint } from './secret-keys.js'
import { closest, suggestion } from './suggest.js'
import { usualMessage } from './usual-message.js'

/** What an issue is about: the value that was checked, and the schema that knows keys and examples. */
export interface IssueSubject {
  readonly value: unknown
  readonly schema: JsonSchema
  /** What to do when nothing better is known. */
  readonly fallbackHint: string
}

/** Turns an issue of a schema into problems that say what is wrong here and what to write instead. */
export function describeIssue(issue: object, subject: IssueSubject): Problem[] {
  return describe(withOwnWords(readIssue(issue), issue, subject), subject)
}

/** Keeps the words that a plugin's author chose for a mistake: they say what to write better than any example. */
function withOwnWords(detail: IssueDetail, issue: object, { value }: IssueSubject): IssueDetail {
  if (detail.code === undefined || detail.hint !== undefined) return detail
  const usual = usualMessage(issue, valueAt(value, detail.path))
  return detail.message === usual ? detail : { ...detail, hint: capitalised(detail.message) }
}

function describe(issue: IssueDetail, subject: IssueSubject): Problem[] {
  const { path } = issue
  const value = valueAt(subject.value, path)
  const problem = (message: string, hint = issue.hint ?? hintAt(path, subject)): Problem[] => [
    { path, message: sentence(message), hint: sentence(hint), atKey: issue.atKey, cause: issue.cause },
  ]
  if (issue.keys.length > 0 && issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => unknownKey(path, key, subject))
  if (value === undefined && isAbout(issue)) return problem('is missing.')
  const last = path.at(-1)
  if (last !== undefined && isSecretKey(last) && issue.code !== 'custom')
    return problem('is not a reference to a secret.')
  switch (issue.code) {
    case 'invalid_type':
      return problem(`must be ${expectedWord(issue, isInteger(subject, path))}, not ${receivedWord(value)}.`)
    case 'too_small':
      return problem(bound(issue, issue.minimum ?? 0, 'at least', 'more than'))
    case 'too_big':
      return problem(bound(issue, issue.maximum ?? 0, 'at most', 'less than'))
    case 'invalid_value':
      return problem(`must be ${listed(issue.values)}.`, choiceHint(issue, value, subject))
    case 'invalid_key':
      return [
        {
          path,
          message: sentence(issue.keyMessage ?? 'is no key that fits here.'),
          hint: 'Change the key.',
          atKey: true,
        },
      ]
    case 'invalid_union':
      return describeUnion(issue, subject) ?? problem('has no form that is understood here.')
    default:
      return problem(issue.message, issue.hint === capitalised(issue.message) ? hintAt(path, subject) : issue.hint)
  }
}

/** Describes the one alternative that was meant: the one that fits the value's own type. */
function describeUnion(issue: IssueDetail, subject: IssueSubject): Problem[] | undefined {
  const alternatives = issue.errors.map((issues) => issues.map(readIssue))
  const [meant, ...others] = alternatives.filter(
    (issues) => !issues.some((one) => one.path.length === 0 && one.code === 'invalid_type'),
  )
  if (meant !== undefined && others.length === 0) {
    return meant.flatMap((inner) => describe({ ...inner, path: [...issue.path, ...inner.path] }, subject))
  }
  if (meant !== undefined) return undefined
  const words = new Set(alternatives.flat().map((one) => expectedWord(one, isInteger(subject, issue.path))))
  const received = receivedWord(valueAt(subject.value, issue.path))
  const message = `must be ${[...words].join(' or ')}, not ${received}.`
  return [{ path: issue.path, message, hint: sentence(issue.hint ?? hintAt(issue.path, subject)) }]
}

function unknownKey(path: KeyPath, key: string, { schema }: IssueSubject): Problem {
  const keys = knownKeys(schema, path)
  return {
    path: [...path, key],
    message: 'is not a known key.',
    hint: suggestion(key, keys, 'Known keys here'),
    atKey: true,
  }
}

function hintAt(path: KeyPath, { schema, fallbackHint }: IssueSubject): string {
  const key = path.at(-1)
  if (key !== undefined && isSecretKey(key)) return secretHint(key)
  const example = exampleText(path, schema) ?? (path.length > 1 ? exampleText(path.slice(0, -1), schema) : undefined)
  if (example !== undefined) return example
  if (schemasAt(schema, path).some(({ type }) => type === 'boolean'))
    return 'Write true or false; yes, no, on and off are text.'
  const keys = knownKeys(schema, path)
  if (keys.length > 0) return `Give a mapping with the keys ${keys.join(', ')}.`
  const described = typeof key === 'number' ? path.slice(0, -1) : path
  return descriptionAt(schema, path) ?? descriptionAt(schema, described) ?? fallbackHint
}

function exampleText(path: KeyPath, schema: JsonSchema): string | undefined {
  const key = path.at(-1)
  const example = exampleAt(schema, path)
  return example === undefined ? undefined : `For example ${typeof key === 'string' ? `${key}: ` : ''}${example}.`
}

/** Tells whether an issue is about a value, so that a value which is not there is all there is to say. */
function isAbout({ code }: IssueDetail): boolean {
  return code === 'invalid_type' || code === 'invalid_union' || code === 'invalid_value'
}

function isInteger({ schema }: IssueSubject, path: KeyPath): boolean {
  return schemasAt(schema, path).some(({ type }) => type === 'integer')
}

function choiceHint(issue: IssueDetail, value: unknown, subject: IssueSubject): string {
  const words = issue.values.filter((word) => typeof word === 'string')
  const best = typeof value === 'string' && !mayHoldSecret(issue.path) ? closest(value, words) : undefined
  return best === undefined ? hintAt(issue.path, subject) : `Did you mean '${best}'?`
}

function expectedWord({ expected, format }: IssueDetail, integer = false): string {
  switch (expected) {
    case 'string':
      return 'text'
    case 'int':
      return 'a whole number'
    case 'number':
      return integer || format === 'safeint' ? 'a whole number' : 'a number'
    case 'boolean':
      return 'true or false'
    case 'array':
    case 'tuple':
      return 'a list'
    case 'object':
    case 'record':
      return 'a mapping'
    default:
      return expected ?? 'something else'
  }
}

function receivedWord(value: unknown): string {
  if (value === null) return 'empty'
  if (value === undefined) return 'missing'
  if (Array.isArray(value)) return 'a list'
  if (isMapping(value)) return 'a mapping'
  if (typeof value === 'string') return 'text'
  if (typeof value === 'boolean') return 'true or false'
  if (typeof value !== 'number') return `a ${typeof value}`
  return Number.isSafeInteger(value) ? 'a number' : 'a fraction or a number beyond all bounds'
}

function bound(issue: IssueDetail, limit: number, inclusive: string, exclusive: string): string {
  const words = issue.inclusive ? inclusive : exclusive
  if (issue.origin === 'number' || issue.origin === 'int') return `must be ${words} ${limit}.`
  if (issue.code === 'too_small' && limit === 1) return 'must not be empty.'
  return `must have ${words} ${limit} ${issue.origin === 'string' ? 'characters' : 'entries'}.`
}

function listed(values: IssueDetail['values']): string {
  return values.map((value) => (typeof value === 'string' ? `'${value}'` : String(value))).join(' or ')
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

function sentence(text: string): string {
  return /[.?!]$/.test(text) ? text : `${text}.`
}
