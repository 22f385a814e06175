/** How a disk is attached. */
export type DiskBus = 'virtio' | 'scsi' | 'sata' | 'ide'
/** QEMU's driver for an image. */
export type DiskFormat = 'raw' | 'qcow2' | 'vmdk' | 'vpc' | 'vhdx'

/** A disk of the emulated machine. Its node is `disk-<id>`, on top of `f-<id>`; its device is `dev-<id>`. */
export interface LabDisk {
  /** Letters, digits and hyphens; at most 20. */
  readonly id: string
  readonly file: string
  readonly format: DiskFormat
  /** @defaultValue `'virtio'` */
  readonly bus?: DiskBus
  /** What the guest sees as its serial number. @defaultValue the id */
  readonly serial?: string
  /** Whether the image stays as it is; then its nodes have no names. @defaultValue false */
  readonly discardsWrites?: boolean
}

const controllers: Readonly<Record<DiskBus, readonly string[]>> = {
  virtio: [],
  scsi: ['-device', 'virtio-scsi-pci,id=scsi0'],
  sata: ['-device', 'ich9-ahci,id=sata0'],
  ide: [],
}

/** Makes the arguments for all disks, as explicit nodes and devices in their order. */
export function diskArguments(disks: readonly LabDisk[]): readonly string[] {
  const buses = new Set(disks.map(({ bus = 'virtio' }) => bus))
  return [...[...buses].flatMap((bus) => controllers[bus]), ...disks.flatMap(nodeAndDevice)]
}

function nodeAndDevice(disk: LabDisk, index: number): readonly string[] {
  const { id, file, format, bus = 'virtio', serial = id, discardsWrites = false } = disk
  if (!/^[a-z][a-z0-9-]{0,19}$/i.test(id)) throw new Error(`'${id}' cannot be the id of a disk`)
  const filename = file.replaceAll(',', ',,')
  const device = ['-device', `${deviceOf(bus, index)},drive=disk-${id},id=dev-${id},serial=${serial}`]
  if (discardsWrites)
    return ['-drive', `if=none,id=disk-${id},format=${format},file=${filename},snapshot=on`, ...device]
  return [
    ...['-blockdev', `driver=file,node-name=f-${id},filename=${filename}`],
    ...['-blockdev', `driver=${format},node-name=disk-${id},file=f-${id}`],
    ...device,
  ]
}

function deviceOf(bus: DiskBus, index: number): string {
  switch (bus) {
    case 'virtio':
      return 'virtio-blk-pci'
    case 'scsi':
      return 'scsi-hd,bus=scsi0.0'
    case 'sata':
      return `ide-hd,bus=sata0.${index}`
    case 'ide':
      return 'ide-hd'
  }
}
