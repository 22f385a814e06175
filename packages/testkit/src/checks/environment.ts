import type {
  BootProbe,
  CallOptions,
  DiskId,
  Machine,
  MachineId,
  MachineRef,
  Placement,
  QuiescePlugin,
  SourcePlugin,
  TargetPlugin,
  TransformPlugin,
  WritableDisk,
} from '@holdfast/core'

/** What the checks need to know of a target's surroundings. */
export interface TargetEnvironment {
  /** Makes the plugin, always for the same store. The checks write, read and remove below a prefix of their own. */
  readonly create: () => TargetPlugin
  /** Objects that the store lists in one answer: listing is then checked across pages. @defaultValue `40` */
  readonly pageSize?: number
  /** The store itself is in this process (a fake server), so memory use says nothing about the plugin. */
  readonly storeInProcess?: boolean
}

/** What the checks need to know of a transform's surroundings. */
export interface TransformEnvironment {
  readonly create: () => TransformPlugin
}

/** What the checks need to know of a hook's surroundings. */
export interface QuiesceEnvironment {
  readonly create: () => QuiescePlugin
  /** The machine to freeze and thaw, over and over. */
  readonly machine: MachineRef
  /** Looks at the machine, not at the plugin. */
  readonly observe?: () => Promise<'frozen' | 'thawed'>
  /** `true`: from now on freezing fails half-way. `false`: it works again. */
  readonly failFreeze?: (fail: boolean) => Promise<void>
  /** `true`: from now on freezing hangs. `false`: it works again. */
  readonly stallFreeze?: (stall: boolean) => Promise<void>
}

/** What the checks need to know of a source's surroundings. */
export interface SourceEnvironment {
  readonly create: () => SourcePlugin
  /** Every machine that the source must discover. */
  readonly machines?: readonly MachineRef[]
  /** The disk's bytes as the guest reads them now; disks should be a few MiB. */
  readonly reference?: (machine: MachineId, disk: DiskId) => Promise<Uint8Array>
  /** Overwrites some bytes of the disk in place, as a running guest does at any moment. */
  readonly mutate?: (machine: MachineId, disk: DiskId) => Promise<void>
  /** Changes some bytes of each disk so that the source's change tracking sees it. */
  readonly change?: (machine: MachineId) => Promise<void>
  /** Names of everything at the source: machines, snapshots, files; to find what a call leaves behind. */
  readonly inventory?: () => Promise<readonly string[]>
  /** Where the checks may restore a machine of that name. @defaultValue `{ name }` */
  readonly placement?: (name: string) => Placement
  /** Bytes of a restored disk. @defaultValue captures the restored machine from this source */
  readonly readRestored?: (name: string, disk: DiskId) => Promise<Uint8Array>
  /** Removes a restored machine again. */
  readonly removeRestored?: (name: string) => Promise<void>
  /** A machine that boots, for sources that start what they provision. */
  readonly bootable?: BootableMachine
}

/** A machine that boots, and how it shows that it does. */
export interface BootableMachine {
  /** Provisioned under names of the checks; its disks should be small, since they are compared in memory. */
  readonly machine: Machine
  /** Writes what it boots from to a disk that was provisioned for it. */
  readonly fill: (disk: WritableDisk, options: CallOptions) => Promise<void>
  /** A probe that it answers. */
  readonly probe: BootProbe
  /** A probe that it never answers, of a few seconds. @defaultValue a line that no guest prints, for 3 s */
  readonly silentProbe?: BootProbe
}

/** The surroundings of each kind of plugin. */
export interface EnvironmentByKind {
  readonly source: SourceEnvironment
  readonly quiesce: QuiesceEnvironment
  readonly transform: TransformEnvironment
  readonly target: TargetEnvironment
}
