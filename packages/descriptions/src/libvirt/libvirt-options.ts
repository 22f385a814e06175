import type { NicModels } from '../guest-values.js'
import type { NativeOptions, WriteOptions } from '../written-description.js'
import { xmlText } from '../xml/decode-references.js'

/** Buses that QEMU has for disks. */
export type LibvirtDiskBus = 'virtio' | 'virtio-scsi' | 'sata' | 'ide'

/** What a libvirt writer may be told. */
export interface LibvirtWriteOptions extends WriteOptions, NativeOptions {
  /**
   * Bus of all disks. `keep` keeps virtio, SATA, IDE, and SCSI that was virtio-scsi, and takes SATA for the others, which
   * needs no driver that a guest lacks. `virtio` is several times faster: most Linux guests start from it at once, Windows
   * only with the virtio drivers installed beforehand. Anything but `keep` makes the XML be written anew.
   *
   * @defaultValue `'keep'`
   */
  readonly diskBus?: LibvirtDiskBus | 'keep'
  /** `kvm`, or `qemu` for hosts without it. @defaultValue `'kvm'` */
  readonly domainType?: 'kvm' | 'qemu'
}

/** Cards that QEMU has. */
export const libvirtNicModels: NicModels = {
  known: {
    virtio: 'virtio',
    e1000: 'e1000',
    e1000e: 'e1000e',
    rtl8139: 'rtl8139',
    pcnet: 'pcnet',
    pcnet32: 'pcnet',
    vlance: 'pcnet',
  },
  fallback: 'e1000e',
  why: 'QEMU has no such card, or a guest may lack its driver; e1000e works in most guests, virtio is faster where there are drivers.',
  unknownNetwork: 'default',
}

const longestName = 128

/** A name that libvirt takes: no slash, no control characters, not too long for the files that libvirt names by it. */
export function libvirtName(name: string): string {
  const clean = xmlText(name)
    .replace(/[/\p{Cc}\u2028\u2029]/gu, '-')
    .trim()
    .slice(0, longestName)
    .replace(/[\ud800-\udbff]$/, '')
    .trim()
  let short = clean
  while (Buffer.byteLength(short) > 200) short = Array.from(short).slice(0, -1).join('')
  return /^\.*$/.test(short) ? 'machine' : short.trim()
}

/** Why a name was changed for libvirt. */
export const nameReason = 'libvirt takes neither slashes, control characters, surrounding white space nor long names.'
