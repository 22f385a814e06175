/**
 * Conformance checks for plugins, and what tests of backups need: memory plugins, faults, disk images.
 *
 * @module @holdfast/testkit
 */
export * from '@holdfast/testkit'
