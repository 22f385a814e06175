import { readFileSync, writeFileSync } from 'node:fs'
import { ovaParts } from '@holdfast/descriptions'

/** Images by the place that they are attached at: `{ 'scsi0:0': 'web.vmdk' }`. */
type Attached = Readonly<Record<string, string>>

/** A VMX as VMware writes it. */
export function vmx(name: string, disks: Attached, more = ''): string {
  const attached = Object.entries(disks).map(
    ([at, file]) => `${at.split(':')[0]}.present = "TRUE"\n${at}.present = "TRUE"\n${at}.fileName = "${file}"\n`,
  )
  const lines = new Set(attached.join('').split('\n'))
  return `.encoding = "UTF-8"
displayName = "${name}"
firmware = "efi"
numvcpus = "3"
memsize = "512"
ethernet0.present = "TRUE"
ethernet0.virtualDev = "vmxnet3"
ethernet0.networkName = "VM Network"
ethernet0.addressType = "static"
ethernet0.address = "00:50:56:2a:11:07"
annotation = "made by hand"
${[...lines].join('\n')}${more}`
}

/** A domain of libvirt; disks by their targets. */
export function domain(name: string, disks: readonly string[]): string {
  return `<!-- WARNING: THIS IS AN AUTO-GENERATED FILE, <domain type="none"> is a comment -->
<domain type='kvm'>
  <name>${name}</name>
  <memory unit='MiB'>256</memory>
  <vcpu>2</vcpu>
  <os><type>hvm</type></os>
  <devices>${disks.join('\n')}
    <interface type='network'><mac address='52:54:00:ab:cd:ef'/><source network='default'/></interface>
  </devices>
</domain>
`
}

/** A disk of a domain that is a file. */
export function fileDisk(target: string, file: string, format?: string): string {
  const driver = format === undefined ? '' : `<driver name='qemu' type='${format}'/>`
  return `<disk type='file'>${driver}<source file='${file}'/><target dev='${target}' bus='virtio'/></disk>`
}

/** A machine of an OVF package. */
export interface OvfMachine {
  readonly name: string
  readonly disks: readonly string[]
}

/** An OVF descriptor, with a collection when there are several machines; `files` are hrefs by disk, with more attributes. */
export function ovf(
  machines: readonly OvfMachine[],
  files: Readonly<Record<string, string>>,
  { attributes = '', format = 'vmdk.html#streamOptimized' } = {},
): string {
  const all = Object.entries(files)
  const systems = machines.map(
    ({ name, disks }) => `<VirtualSystem ovf:id="${name}"><Info/><Name>${name}</Name><VirtualHardwareSection><Info/>
<Item><rasd:InstanceID>1</rasd:InstanceID><rasd:ResourceType>3</rasd:ResourceType><rasd:VirtualQuantity>2</rasd:VirtualQuantity></Item>
<Item><rasd:AllocationUnits>byte * 2^20</rasd:AllocationUnits><rasd:InstanceID>2</rasd:InstanceID><rasd:ResourceType>4</rasd:ResourceType><rasd:VirtualQuantity>128</rasd:VirtualQuantity></Item>
<Item><rasd:InstanceID>3</rasd:InstanceID><rasd:ResourceSubType>AHCI</rasd:ResourceSubType><rasd:ResourceType>20</rasd:ResourceType></Item>
${disks.map((disk, at) => `<Item><rasd:AddressOnParent>${at}</rasd:AddressOnParent><rasd:HostResource>ovf:/disk/${disk}</rasd:HostResource><rasd:InstanceID>${10 + at}</rasd:InstanceID><rasd:Parent>3</rasd:Parent><rasd:ResourceType>17</rasd:ResourceType></Item>`).join('\n')}
</VirtualHardwareSection></VirtualSystem>`,
  )
  const body =
    systems.length === 1
      ? systems.join('')
      : `<VirtualSystemCollection ovf:id="all"><Info/>${systems.join('')}</VirtualSystemCollection>`
  return `<?xml version="1.0"?>
<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1" xmlns:rasd="r">
<References>${all.map(([disk, href]) => `<File ovf:id="f-${disk}" ovf:href="${href}" ${attributes}/>`).join('')}</References>
<DiskSection><Info/>${all.map(([disk]) => `<Disk ovf:diskId="${disk}" ovf:fileRef="f-${disk}" ovf:capacity="7340032" ovf:format="${format}"/>`).join('')}</DiskSection>
${body}</Envelope>
`
}

/** Packs texts and files into an OVA, in the given order. */
export function writeOva(path: string, contents: Readonly<Record<string, string | Uint8Array>>): string {
  const files = Object.entries(contents).map(([name, content]) => ({ name, bytes: Buffer.from(content) }))
  const sizes = files.map(({ name, bytes }) => ({ name, sizeBytes: bytes.length }))
  const pieces = [...ovaParts(sizes)].map((part) =>
    part.kind === 'bytes' ? part.bytes : (files.find(({ name }) => name === part.name)?.bytes ?? new Uint8Array()),
  )
  writeFileSync(path, Buffer.concat(pieces))
  return path
}

/** Content of a file, to pack it. */
export function contentOfFile(path: string): Uint8Array {
  return new Uint8Array(readFileSync(path))
}
