/**
 * A client of the vSphere API.
 *
 * @module @holdfast/protocol-vim
 */
export * from '@holdfast/protocol-vim'
