/** What this package understands of an issue beyond its message; other vendors' issues simply have less. */
export interface IssueDetail {
  readonly message: string
  readonly path: readonly (string | number)[]
  readonly code: string | undefined
  readonly expected: string | undefined
  readonly format: string | undefined
  readonly hint: string | undefined
  readonly cause: unknown
  readonly atKey: boolean
  readonly minimum: number | undefined
  readonly maximum: number | undefined
  readonly inclusive: boolean
  readonly origin: string | undefined
  /** Unknown keys of the mapping at `path`. */
  readonly keys: readonly string[]
  /** What is wrong with the key itself. */
  readonly keyMessage: string | undefined
  /** The values that are allowed. */
  readonly values: readonly (string | number | boolean)[]
  /** Issues of each alternative of a union. */
  readonly errors: readonly (readonly object[])[]
}

/** Reads an issue of any Standard Schema, trusting none of its extra fields. */
export function readIssue(issue: object): IssueDetail {
  const fields = new Map<string, unknown>(Object.entries(issue))
  const params = new Map<string, unknown>(Object.entries(asObject(fields.get('params'))))
  return {
    message: textOf(fields.get('message')) ?? 'is refused.',
    path: listOf(fields.get('path')).map(pathPart),
    code: textOf(fields.get('code')),
    expected: textOf(fields.get('expected')),
    format: textOf(fields.get('format')),
    hint: textOf(params.get('hint')),
    cause: params.get('cause'),
    atKey: params.get('atKey') === true,
    minimum: numberOf(fields.get('minimum')),
    maximum: numberOf(fields.get('maximum')),
    inclusive: fields.get('inclusive') !== false,
    origin: textOf(fields.get('origin')),
    keys: listOf(fields.get('keys')).filter((key) => typeof key === 'string'),
    keyMessage: listOf(fields.get('issues'))
      .map(messageOf)
      .find((text) => text !== undefined),
    values: listOf(fields.get('values')).filter(isScalar),
    errors: listOf(fields.get('errors')).map((one) =>
      listOf(one).filter((inner) => typeof inner === 'object' && inner !== null),
    ),
  }
}

function pathPart(part: unknown): string | number {
  const key = typeof part === 'object' && part !== null && 'key' in part ? part.key : part
  return typeof key === 'number' ? key : String(key)
}

function messageOf(issue: unknown): string | undefined {
  return textOf(new Map<string, unknown>(Object.entries(asObject(issue))).get('message'))
}

function asObject(value: unknown): object {
  return typeof value === 'object' && value !== null ? value : {}
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' || typeof value === 'bigint' ? Number(value) : undefined
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function isScalar(value: unknown): value is string | number | boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
}
