/**
 * Disk images in pure TypeScript: raw, VMDK, VHD, VHDX and QCOW2.
 *
 * @module @holdfast/formats
 */
export * from '@holdfast/formats'
