/**
 * The contract between Holdfast and its plugins.
 *
 * @module @holdfast/core
 */
export * from '@holdfast/core'
