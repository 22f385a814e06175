/**
 * Machines as files: images, their names, and folders that machines are restored into.
 *
 * @module @holdfast/machine-files
 */
export * from '@holdfast/machine-files'
