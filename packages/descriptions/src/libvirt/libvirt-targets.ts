import type { RestoredDisk } from '../attach-disks.js'
import type { Mapped } from '../guest-values.js'
import type { Mapping } from '../written-description.js'
import type { LibvirtDiskBus } from './libvirt-options.js'

/** A disk with the bus and the name that the guest's host gives it. */
export interface LibvirtTarget {
  readonly disk: RestoredDisk
  readonly bus: LibvirtDiskBus
  /** `vda`, `sdb`. */
  readonly dev: string
}

const prefixes: Record<LibvirtDiskBus, string> = { virtio: 'vd', 'virtio-scsi': 'sd', sata: 'sd', ide: 'hd' }
const idePlaces = 4

/** Chooses bus and name of each disk; names of `taken` stay with whom they are. */
export function libvirtTargets(
  disks: readonly RestoredDisk[],
  wanted: LibvirtDiskBus | 'keep',
  isFromLibvirt: boolean,
  taken: Iterable<string> = [],
): Mapped<readonly LibvirtTarget[]> {
  const report: Mapping[] = []
  const used = new Set(taken)
  let ide = [...used].filter((name) => name.startsWith('hd')).length
  const chosen = disks.map((disk) => {
    const { value, report: mappings } = chosenBus(disk, wanted, isFromLibvirt)
    report.push(...mappings)
    if (value !== 'ide' || ide++ < idePlaces) return { disk, bus: value }
    report.push({ what: `bus of disk ${disk.spec.id}`, from: 'ide', to: 'sata', why: 'IDE has four places.' })
    return { disk, bus: 'sata' as const }
  })
  // Names that disks already have on this bus come first, so that no other disk takes them.
  const kept = new Map<RestoredDisk, string>()
  for (const { disk, bus } of chosen) {
    if (!isName(disk.spec.id, bus) || used.has(disk.spec.id)) continue
    kept.set(disk, disk.spec.id)
    used.add(disk.spec.id)
  }
  const value = chosen.map(({ disk, bus }): LibvirtTarget => {
    const dev = kept.get(disk) ?? freeName(prefixes[bus], used)
    used.add(dev)
    if (dev !== disk.spec.id) {
      report.push({
        what: `name of disk ${disk.spec.id}`,
        from: disk.spec.id,
        to: dev,
        why: 'libvirt names disks by their bus.',
      })
    }
    return { disk, bus, dev }
  })
  return { value, report }
}

/** Letters for a number, as the kernel counts disks: 0 is `a`, 26 is `aa`. */
function diskLetters(index: number): string {
  const rest = Math.floor(index / 26) - 1
  return (rest < 0 ? '' : diskLetters(rest)) + String.fromCharCode(97 + (index % 26))
}

function chosenBus(
  { spec, place }: RestoredDisk,
  wanted: LibvirtDiskBus | 'keep',
  isFromLibvirt: boolean,
): Mapped<LibvirtDiskBus> {
  const isVirtioScsi = spec.bus === 'scsi' && (isFromLibvirt || place.controllerModel === 'virtio-scsi')
  const from = isVirtioScsi ? 'virtio-scsi' : (spec.bus ?? 'unknown')
  const kept = from === 'virtio' || from === 'virtio-scsi' || from === 'ide' ? from : 'sata'
  const value = wanted === 'keep' ? kept : wanted
  if (value === from) return { value, report: [] }
  const why =
    wanted === 'keep'
      ? 'A guest of another hypervisor may lack drivers for virtio; AHCI works in most. Windows may need one start in safe mode, Linux an initramfs with ahci.'
      : 'Asked for by the option diskBus.'
  return { value, report: [{ what: `bus of disk ${spec.id}`, from, to: value, why }] }
}

// The IDE controller of the pc machine has hda to hdd and no more.
function isName(id: string, bus: LibvirtDiskBus): boolean {
  return (bus === 'ide' ? /^hd[a-d]$/ : /^(?:vd|sd)[a-z]{1,3}$/).test(id) && id.startsWith(prefixes[bus])
}

function freeName(prefix: string, used: ReadonlySet<string>): string {
  let index = 0
  while (used.has(`${prefix}${diskLetters(index)}`)) index += 1
  return `${prefix}${diskLetters(index)}`
}
