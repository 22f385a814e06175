import type { OptionsSchema } from '@holdfast/core'

/** Options of the SQLite target. */
export interface SqliteTargetOptions {
  /** The file; relative paths start at the config's folder. */
  readonly path: string
}

/** Checks the options. Any Standard Schema will do: one from zod, valibot or arktype, or, as here, by hand. */
export const sqliteTargetOptions: OptionsSchema<SqliteTargetOptions> = {
  '~standard': {
    version: 1,
    vendor: 'holdfast-example',
    validate: (value) => {
      if (typeof value !== 'object' || value === null) return { issues: [{ message: 'must be an object' }] }
      const { path, ...unknown } = { path: undefined, ...value }
      const [name] = Object.keys(unknown)
      if (name !== undefined) return { issues: [{ message: 'is no option of this target', path: [name] }] }
      if (typeof path !== 'string' || path === '') return { issues: [{ message: 'must name a file', path: ['path'] }] }
      return { value: { path } }
    },
  },
}
