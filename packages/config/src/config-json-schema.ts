import type { PluginKind, PluginModule } from '@holdfast/core'
import { z } from 'zod'
import { configShape } from './config-shape.js'
import { inputJsonSchema, optionsJsonSchema } from './options-schema.js'
import { slotShape } from './plugin-slots.js'
import type { JsonSchema } from './schema-lookup.js'

const kinds = ['source', 'quiesce', 'transform', 'target'] as const satisfies readonly PluginKind[]

/**
 * Builds the JSON schema (draft 2020-12) of the YAML form, for editors.
 *
 * `modules` gives the plugins by what `use` says; their options are part of the schema. Other plugins are allowed with
 * any options.
 */
export function configJsonSchema(modules: Readonly<Record<string, PluginModule>>): Record<string, unknown> {
  const shape = shapeJsonSchema((kind) => ({ $ref: `#/$defs/${kind}` }))
  const slots = kinds.map((kind) => [kind, slotSchema(kind, modules)])
  const options = Object.entries(modules).map(([use, module]) => [
    optionsName(use),
    embedded(use, optionsJsonSchema(module)),
  ])
  return { ...shape, title: 'Holdfast configuration', $defs: Object.fromEntries([...slots, ...options]) }
}

/** Describes the shape of a configuration; `slot` says what stands in the place of a plugin. */
export function shapeJsonSchema(slot: (kind: PluginKind) => JsonSchema = plainSlot): Record<string, unknown> {
  const slots = { source: anything(), quiesce: anything(), transform: anything(), target: anything() }
  return inputJsonSchema(configShape(slots), ({ zodSchema, jsonSchema }) => {
    const kind = kinds.find((one) => slots[one] === zodSchema)
    if (kind !== undefined) Object.assign(jsonSchema, slot(kind))
  })
}

function anything() {
  // One schema fits every slot, since nothing is ever parsed with it.
  return z.custom<never>()
}

function plainSlot(kind: PluginKind): JsonSchema {
  const { $schema: _dialect, ...schema } = inputJsonSchema(slotShape(kind))
  return schema
}

function slotSchema(kind: PluginKind, modules: Readonly<Record<string, PluginModule>>): JsonSchema {
  const plain = plainSlot(kind)
  const properties = Object(plain['properties'])
  const known = Object.entries(modules)
  const ofKind = known.filter(([, module]) => module.kind === kind)
  const others = { type: 'string', not: { enum: known.map(([use]) => use) } }
  const names = ofKind.length === 0 ? [others] : [{ enum: ofKind.map(([use]) => use) }, others]
  const conditions = ofKind.map(([use, module]) => ({
    if: { properties: { use: { const: use } }, required: ['use'] },
    // biome-ignore lint/suspicious/noThenProperty: it is a keyword of JSON schema
    then: {
      properties: { with: { $ref: `#/$defs/${optionsName(use)}` } },
      ...(hasRequired(optionsJsonSchema(module)) && { required: ['with'] }),
    },
  }))
  return {
    ...plain,
    properties: { ...properties, use: { ...Object(properties.use), anyOf: names } },
    ...(conditions.length > 0 && { allOf: conditions }),
  }
}

function hasRequired({ required }: JsonSchema): boolean {
  return Array.isArray(required) && required.length > 0
}

function embedded(use: string, { $schema: _dialect, ...schema }: JsonSchema): JsonSchema {
  // Its own references start at its own root, which a schema only has with an id.
  return JSON.stringify(schema).includes('"$ref":"#')
    ? { $id: `urn:holdfast:options:${encodeURIComponent(use)}`, ...schema }
    : schema
}

function optionsName(use: string): string {
  return `options:${use.replace(/[^\w#.-]/g, '_').replaceAll('#', '.')}`
}
