/**
 * Clients of QEMU's monitor and of the guest agent.
 *
 * @module @holdfast/protocol-qmp
 */
export * from '@holdfast/protocol-qmp'
