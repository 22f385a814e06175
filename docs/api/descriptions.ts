/**
 * Machine descriptions into the neutral model and out of it.
 *
 * @module @holdfast/descriptions
 */
export * from '@holdfast/descriptions'
