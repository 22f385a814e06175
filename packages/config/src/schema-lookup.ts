import { isMapping, type KeyPath } from './key-path.js'

/** A JSON schema, as far as messages need it. */
export type JsonSchema = Readonly<Record<string, unknown>>

/** Finds the schemas that may apply at a path, through properties, items and alternatives. */
export function schemasAt(schema: JsonSchema, path: KeyPath): JsonSchema[] {
  let current = alternatives(schema)
  for (const part of path) current = current.flatMap((one) => step(one, part)).flatMap(alternatives)
  return current
}

/** Lists the keys that may stand at a path. */
export function knownKeys(schema: JsonSchema, path: KeyPath): string[] {
  const keys = schemasAt(schema, path).flatMap(({ properties }) =>
    isMapping(properties) ? Object.keys(properties) : [],
  )
  return [...new Set(keys)].filter((key) => key !== '$schema')
}

/** Gives an example of what may stand at a path, as YAML would have it on one line. */
export function exampleAt(schema: JsonSchema, path: KeyPath): string | undefined {
  for (const { examples } of schemasAt(schema, path)) {
    if (Array.isArray(examples) && examples.length > 0) return inline(examples[0])
  }
  return undefined
}

/** Gives what the schema says of the value at a path. */
export function descriptionAt(schema: JsonSchema, path: KeyPath): string | undefined {
  return schemasAt(schema, path)
    .map(({ description }) => description)
    .find((text) => typeof text === 'string')
}

function step(schema: JsonSchema, part: string | number): JsonSchema[] {
  if (typeof part === 'number') return [schema['items']].filter(isMapping)
  const { properties, additionalProperties } = schema
  const property = isMapping(properties) ? properties[part] : undefined
  return [property ?? additionalProperties].filter(isMapping)
}

function alternatives(schema: JsonSchema): JsonSchema[] {
  const inner = [schema['anyOf'], schema['oneOf'], schema['allOf']].flatMap((list: unknown) =>
    Array.isArray(list) ? list : [],
  )
  return [schema, ...inner.filter(isMapping).flatMap(alternatives)]
}

function inline(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inline).join(', ')}]`
  if (isMapping(value))
    return `{ ${Object.entries(value)
      .map(([key, inner]) => `${key}: ${inline(inner)}`)
      .join(', ')} }`
  return typeof value === 'string' && !/^[\w./-][\w./@-]*$/.test(value) ? `'${value}'` : String(value)
}
