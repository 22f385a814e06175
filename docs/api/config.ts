/**
 * Loads a configuration in TypeScript or YAML, checks it, and resolves secrets.
 *
 * @module @holdfast/config
 */
export * from '@holdfast/config'
