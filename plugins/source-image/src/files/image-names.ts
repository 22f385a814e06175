import { formatOfPath } from '@holdfast/machine-files'

/**
 * Tells by its name that a file holds a disk's bytes as they are.
 *
 * Its bytes are never asked: a guest can write the header of any format to the start of its disk, and name other files there.
 */
export function isRawName(file: string): boolean {
  return formatOfPath(file) === 'raw' || isFlatExtentName(file)
}

/** Tells by its name that a file is a plain extent of a VMDK, which VMware and QEMU name alike. */
export function isFlatExtentName(file: string): boolean {
  return /-(flat|f\d{3}|rdmp?)\.vmdk$/i.test(file)
}

/** Returns the names of a folder that promise images, without those that VMware keeps its own change tracking in. */
export function imageNames(names: readonly string[]): readonly string[] {
  const all = new Set(names)
  return names.filter((name) => {
    if (name.startsWith('.') || formatOfPath(name) === undefined || /\.bin$/i.test(name)) return false
    return !/-ctk\.vmdk$/i.test(name) || !all.has(name.replace(/-ctk(?=\.vmdk$)/i, ''))
  })
}
