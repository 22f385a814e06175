/**
 * An iSCSI initiator.
 *
 * @module @holdfast/protocol-iscsi
 */
export * from '@holdfast/protocol-iscsi'
