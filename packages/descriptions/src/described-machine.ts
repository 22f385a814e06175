import type { DiskId, DiskSpec, Machine, NativeConfiguration } from '@holdfast/core'

/** A machine as its description tells it: the neutral model, less what only the images know. */
export interface DescribedMachine extends Omit<Machine, 'disks' | 'native'> {
  readonly disks: readonly DescribedDisk[]
  /** The whole description, word for word. */
  readonly native: NativeConfiguration
  /** What the description says and the neutral model cannot: everything that is not in the other fields. */
  readonly notes: readonly Note[]
}

/** One disk as a description tells it. */
export interface DescribedDisk extends Omit<DiskSpec, 'sizeBytes'> {
  /**
   * Where the image is, exactly as stated: a path, perhaps of another system, perhaps `[datastore] folder/name`, perhaps
   * with `..`. Untrusted: the caller decides what may be opened. Absent when the disk is not a file or device; a note says what it is.
   */
  readonly file?: string
  /** Format of the image, where the description states or implies it. */
  readonly imageFormat?: ImageFormatName
  /** Size that the guest sees, where the description states it. */
  readonly sizeBytes?: number
  readonly controller?: DiskController
  /** Place at the controller: SCSI target, SATA port, IDE unit. */
  readonly slot?: number
}

/** The controller that a disk is attached to. */
export interface DiskController {
  /** Kind and number: `scsi0`, `sata1`. */
  readonly name: string
  /** The description's own word for the model: `pvscsi`, `lsilogic`, `virtio-scsi`, `AHCI`. */
  readonly model?: string
}

/** Image formats that descriptions name. */
export type ImageFormatName = 'raw' | 'vmdk' | 'vhd' | 'vhdx' | 'qcow2'

/** Something a description says that has no equal in the neutral model. It stays in `native`. */
export interface Note {
  /** What is said, in a few words. */
  readonly what: string
  /** The keys or the element, with lines. */
  readonly where: string
  /** Why it is not in the model, and what follows from that. */
  readonly why: string
}

/** What a reader may be told beside the text. */
export interface ReadOptions {
  /** Name for a machine whose description states none: the stem of its file, for example. */
  readonly name?: string
}

/** A description as bytes, decoded as it says itself, or as text. */
export type DescriptionInput = Uint8Array | string

/**
 * Completes a described machine with the sizes that its images have.
 *
 * @param sizes - bytes by disk id; a disk without an entry takes the size that the description states, or is left out
 */
export function neutralMachine(described: DescribedMachine, sizes: ReadonlyMap<DiskId, number>): Machine {
  const { notes: _notes, disks, ...machine } = described
  const sized = disks.flatMap((disk) => {
    const sizeBytes = sizes.get(disk.id) ?? disk.sizeBytes
    if (sizeBytes === undefined) return []
    const { file: _file, imageFormat: _format, controller: _controller, slot: _slot, ...spec } = disk
    return [{ ...spec, sizeBytes }]
  })
  return { ...machine, disks: sized }
}
