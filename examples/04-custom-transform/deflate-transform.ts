import { defineTransform, type OptionsSchema, type PluginModule, parseOptions } from '@holdfast/core'

/** Options of the deflate transform. */
export interface DeflateTransformOptions {
  /** 1 (fast) to 9 (small). @defaultValue `6` */
  readonly level?: number
}

/**
 * Compresses frames with raw deflate (RFC 1951).
 *
 * The plugin object is a description: workers import `module` and make the codec from `parameters` themselves.
 */
export function deflateTransform(options: DeflateTransformOptions = {}) {
  const { level } = parseOptions('transform', 'deflate', deflateTransformOptions, options)
  return defineTransform({
    id: 'deflate',
    capabilities: { shrinks: true },
    version: 1,
    module: new URL('./deflate-codec.ts', import.meta.url).href,
    parameters: { level },
  })
}

/** Checks the options and fills in the level. */
const deflateTransformOptions: OptionsSchema<Required<DeflateTransformOptions>> = {
  '~standard': {
    version: 1,
    vendor: 'holdfast-example',
    validate: (value) => {
      if (typeof value !== 'object' || value === null) return { issues: [{ message: 'must be an object' }] }
      const { level, ...unknown } = { level: 6, ...value }
      const [name] = Object.keys(unknown)
      if (name !== undefined) return { issues: [{ message: 'is no option of this transform', path: [name] }] }
      if (!Number.isInteger(level) || level < 1 || level > 9) {
        return { issues: [{ message: 'must be a whole number from 1 to 9', path: ['level'] }] }
      }
      return { value: { level } }
    },
  },
}

/** Lets a config write `use: './deflate-transform.ts'`. */
export const plugin: PluginModule<DeflateTransformOptions> = {
  kind: 'transform',
  id: 'deflate',
  options: deflateTransformOptions,
  create: (options) => deflateTransform(options),
}
