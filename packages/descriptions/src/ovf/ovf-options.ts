import type { DiskId } from '@holdfast/core'
import type { NicModels } from '../guest-values.js'
import type { VmwareDiskBus } from '../vmware/vmware-disk-bus.js'
import type { WriteOptions } from '../written-description.js'

/** What an OVF writer may be told. */
export interface OvfWriteOptions extends WriteOptions {
  /**
   * Controller of all disks. `keep` keeps SATA, IDE, NVMe and SCSI of a known model, and takes SATA for the others.
   *
   * @defaultValue `'keep'`
   */
  readonly diskBus?: VmwareDiskBus | 'keep'
  /** Sizes of the image files, in bytes; importers show progress by them. */
  readonly fileSizes?: ReadonlyMap<DiskId, number>
  /** Version of VMware's virtual hardware. @defaultValue 13: ESXi 6.5, Workstation 14 */
  readonly hardwareVersion?: number
}

/** Cards by the names that products write into OVF. */
export const ovfNicModels: NicModels = {
  known: {
    e1000: 'E1000',
    e1000e: 'E1000e',
    vmxnet3: 'VmxNet3',
    pcnet32: 'PCNet32',
    pcnet: 'PCNet32',
    vlance: 'PCNet32',
  },
  fallback: 'E1000',
  why: 'Importers know few cards; E1000 is the one that all of them and most guests know.',
  unknownNetwork: 'VM Network',
}

/** URIs of image formats; importers go by a few of them only. */
export const formatUris = {
  vmdk: 'http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized',
  vhd: 'http://go.microsoft.com/fwlink/?LinkId=137171',
  vhdx: 'https://learn.microsoft.com/openspecs/windows_protocols/ms-vhdx',
  qcow2: 'http://www.gnome.org/~markmc/qcow-image-format.html',
  raw: 'urn:holdfast:raw',
} as const
