import { BackupError, defineTransform, type OptionsSchema, type PluginModule } from '@holdfast/core'

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
export function deflateTransform({ level = 6 }: DeflateTransformOptions = {}) {
  if (!Number.isInteger(level) || level < 1 || level > 9) {
    throw new BackupError('E_CONFIG', `Deflate has no level ${level}.`, {
      plugin: 'deflate',
      hint: 'Write a whole number from 1 to 9.',
    })
  }
  return defineTransform({
    id: 'deflate',
    capabilities: { shrinks: true },
    version: 1,
    module: new URL('./deflate-codec.ts', import.meta.url).href,
    parameters: { level },
  })
}

const options: OptionsSchema<DeflateTransformOptions> = {
  '~standard': {
    version: 1,
    vendor: 'holdfast-example',
    validate: (value) => {
      if (typeof value !== 'object' || value === null) return { issues: [{ message: 'must be an object' }] }
      const { level, ...unknown } = { level: 6, ...value }
      const [name] = Object.keys(unknown)
      if (name !== undefined) return { issues: [{ message: 'is no option of this transform', path: [name] }] }
      return { value: { level } }
    },
  },
}

/** Lets a config write `use: './deflate-transform.ts'`. */
export const plugin: PluginModule<DeflateTransformOptions> = {
  kind: 'transform',
  id: 'deflate',
  options,
  create: (options) => deflateTransform(options),
}
