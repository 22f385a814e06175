import type { PluginModule } from '@holdfast/core'
import { z } from 'zod'
import type { JsonSchema } from './schema-lookup.js'

const target = 'draft-2020-12'

/** Describes a plugin's options as JSON schema; `{}` when the plugin's schema library cannot. */
export function optionsJsonSchema({ options }: PluginModule): JsonSchema {
  // zod's own function also describes schemas with parts that JSON schema has no words for.
  if (isZodSchema(options)) return z.toJSONSchema(options, { target, io: 'input', unrepresentable: 'any' })
  try {
    return options['~standard'].jsonSchema?.input({ target }) ?? {}
  } catch {
    // Throwing is how the interface says that a schema cannot be described.
    return {}
  }
}

function isZodSchema(value: unknown): value is z.ZodType {
  return typeof value === 'object' && value !== null && '_zod' in value && 'def' in value
}
