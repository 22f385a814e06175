/**
 * A client and a server of the NBD protocol.
 *
 * @module @holdfast/protocol-nbd
 */
export * from '@holdfast/protocol-nbd'
