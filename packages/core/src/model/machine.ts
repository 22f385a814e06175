import type { DiskId, MachineId } from './ids.js'

/** A machine in neutral terms, with the hypervisor's own configuration kept beside it. */
export interface Machine {
  readonly id: MachineId
  /** What people call it; free text, never used as a path. */
  readonly name: string
  readonly firmware?: 'bios' | 'uefi'
  readonly cpus?: number
  readonly memoryBytes?: number
  readonly disks: readonly DiskSpec[]
  readonly nics?: readonly NicSpec[]
  /** The hypervisor's description, word for word (VMX, OVF, libvirt XML), so that nothing is lost in translation. */
  readonly native?: NativeConfiguration
}

/** One disk of a machine, as it is attached. */
export interface DiskSpec {
  readonly id: DiskId
  /** Size that the guest sees, in bytes. */
  readonly sizeBytes: number
  readonly label?: string
  readonly bus?: 'scsi' | 'sata' | 'ide' | 'nvme' | 'virtio' | 'xen'
  readonly bootOrder?: number
}

/** One network card of a machine. */
export interface NicSpec {
  readonly macAddress?: string
  readonly network?: string
  readonly model?: string
}

/** A configuration in a hypervisor's own format. */
export interface NativeConfiguration {
  /** Names the format: `vmx`, `ovf`, `libvirt-xml`, `xapi-record`, `hyperv-json`. */
  readonly format: string
  readonly text: string
}

/** Enough of a machine to choose it and to capture it later. */
export interface MachineRef {
  readonly id: MachineId
  readonly name: string
  /** Labels to select by (tags, folder, pool). */
  readonly labels?: Readonly<Record<string, string>>
}

/** Which machines of a source a pipeline wants. Every given field narrows; an empty selector means all. */
export interface MachineSelector {
  /** Names or ids, with `*` matching any run of characters. */
  readonly include?: readonly string[]
  /** Names or ids to leave out, with `*`; wins over `include`. */
  readonly exclude?: readonly string[]
  /** Labels that a machine must carry. */
  readonly labels?: Readonly<Record<string, string>>
}
