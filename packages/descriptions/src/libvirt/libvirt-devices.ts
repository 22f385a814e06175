import { inBootOrder } from '../attach-disks.js'
import type { ImageFormatName } from '../described-machine.js'
import type { MappedNic } from '../guest-values.js'
import { element, type XmlElement } from '../xml/element.js'
import type { LibvirtTarget } from './libvirt-targets.js'

const driverTypes: Record<ImageFormatName, string> = {
  raw: 'raw',
  qcow2: 'qcow2',
  vmdk: 'vmdk',
  vhd: 'vpc',
  vhdx: 'vhdx',
}

/** libvirt's word for an image format. */
export function driverType(format: ImageFormatName): string {
  return driverTypes[format]
}

/** Attributes and source of a disk for a path: a device of the host, or a file. */
export function diskSource(file: string): { readonly type: string; readonly source: XmlElement } {
  return file.startsWith('/dev/')
    ? { type: 'block', source: element('source', { dev: file }) }
    : { type: 'file', source: element('source', { file }) }
}

/** Writes disks, with the controllers that libvirt would not add as they must be; the first one boots unless stated. */
export function diskElements(targets: readonly LibvirtTarget[], firstOrder: number): readonly XmlElement[] {
  const ranks = bootRanks(targets, firstOrder)
  let scsiUnits = 0
  const disks = targets.map((target) => {
    const { disk, bus, dev } = target
    const { type, source } = diskSource(disk.place.file)
    const rank = ranks.get(target)
    return element('disk', { type, device: 'disk' }, [
      element('driver', { name: 'qemu', type: driverType(disk.place.imageFormat) }),
      source,
      element('target', { dev, bus: bus === 'virtio-scsi' ? 'scsi' : bus }),
      rank === undefined ? undefined : element('boot', { order: rank }),
      bus === 'virtio-scsi'
        ? element('address', { type: 'drive', controller: 0, bus: 0, target: 0, unit: scsiUnits++ })
        : undefined,
    ])
  })
  const controller = element('controller', { type: 'scsi', index: 0, model: 'virtio-scsi' })
  return scsiUnits > 0 ? [...disks, controller] : disks
}

// libvirt wants each order once, from 1.
function bootRanks(targets: readonly LibvirtTarget[], firstOrder: number): ReadonlyMap<LibvirtTarget, number> {
  const stated = targets.filter(({ disk }) => disk.spec.bootOrder !== undefined)
  const byDisk = new Map(stated.map((target) => [target.disk, target]))
  const ordered = inBootOrder([...byDisk.keys()]).flatMap((disk) => byDisk.get(disk) ?? [])
  const boots = ordered.length > 0 ? ordered : targets.slice(0, 1)
  return new Map(boots.map((target, index) => [target, firstOrder + index]))
}

/** Writes network cards. */
export function nicElements(nics: readonly MappedNic[]): readonly XmlElement[] {
  return nics.map((nic) => {
    const { type, source } = nicSource(nic.network ?? 'default')
    return element('interface', { type }, [
      nic.macAddress === undefined ? undefined : element('mac', { address: nic.macAddress }),
      source,
      element('model', { type: nic.model }),
    ])
  })
}

/** A network of libvirt, or `bridge:NAME` for a bridge of the host. */
export function nicSource(network: string): { readonly type: string; readonly source: XmlElement } {
  const bridge = network.startsWith('bridge:') ? network.slice('bridge:'.length) : undefined
  return bridge === undefined
    ? { type: 'network', source: element('source', { network }) }
    : { type: 'bridge', source: element('source', { bridge }) }
}
