import type { VhdFooter } from './footer.js'
import { geometryBytes, isLargestGeometry } from './geometry.js'

/** Programs that size a disk by its geometry: Virtual PC, Virtual Server, and qemu unless it was told otherwise. */
const sizedByGeometry: ReadonlySet<string> = new Set(['vpc ', 'vs  ', 'qemu'])

/**
 * Decides how large a disk is.
 *
 * The footer has a size and a geometry, which seldom agree since a geometry is coarse. Hyper-V goes by the size, Virtual PC
 * by the geometry; as in qemu, the program that made the disk decides, and a geometry that is the largest possible never
 * does. One that claims more than the size (old versions of qemu wrote such) has nothing to show for it.
 */
export function diskSize({ creatorApplication, geometry, currentSizeBytes }: VhdFooter): number {
  const byGeometry = geometryBytes(geometry)
  if (!sizedByGeometry.has(creatorApplication) || isLargestGeometry(geometry) || byGeometry === 0)
    return currentSizeBytes
  return Math.min(byGeometry, currentSizeBytes)
}
