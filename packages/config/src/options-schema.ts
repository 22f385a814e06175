import type { PluginModule } from '@holdfast/core'
import { z } from 'zod'
import type { JsonSchema } from './schema-lookup.js'

const target = 'draft-2020-12'

/** Describes a plugin's options as JSON schema; `{}` when the plugin's schema library cannot. */
export function optionsJsonSchema({ options }: PluginModule): JsonSchema {
  // zod's own function also describes schemas with parts that JSON schema has no words for.
  if (isZodSchema(options)) return inputJsonSchema(options)
  try {
    return options['~standard'].jsonSchema?.input({ target }) ?? {}
  } catch {
    // Throwing is how the interface says that a schema cannot be described.
    return {}
  }
}

/** Describes what a zod schema takes, with every example: zod leaves out those of schemas that transform. */
export function inputJsonSchema(schema: z.ZodType, adjust?: JsonSchemaOverride): Record<string, unknown> {
  return z.toJSONSchema(schema, {
    target,
    io: 'input',
    unrepresentable: 'any',
    override: (context) => {
      const examples = z.globalRegistry.get(context.zodSchema)?.['examples']
      if (Array.isArray(examples)) context.jsonSchema.examples = examples
      adjust?.(context)
    },
  })
}

type JsonSchemaOverride = NonNullable<NonNullable<Parameters<typeof z.toJSONSchema>[1]>['override']>

function isZodSchema(value: unknown): value is z.ZodType {
  return typeof value === 'object' && value !== null && '_zod' in value && 'def' in value
}
