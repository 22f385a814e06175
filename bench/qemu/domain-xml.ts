/** Where a machine's parts are. */
export interface DomainParts {
  readonly name: string
  /** QCOW2 images: vda, vdb. */
  readonly disks: readonly string[]
  readonly serialLog: string
  /** Socket of a monitor beside that of libvirt. */
  readonly monitor: string
  /** Socket of a guest agent that libvirt does not know of. */
  readonly agent: string
}

/** Describes an emulated machine for libvirt. Paths hold nothing that XML or QEMU would read as something else. */
export function domainXml({ name, disks, serialLog, monitor, agent }: DomainParts): string {
  const argument = (value: string) => `    <qemu:arg value='${value}'/>`
  const disk = (file: string, index: number) =>
    `    <disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='${file}'/>` +
    `<target dev='vd${'ab'.charAt(index)}' bus='virtio'/></disk>`
  return `<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>${name}</name><memory unit='MiB'>256</memory><vcpu>1</vcpu>
  <os><type arch='x86_64' machine='pc'>hvm</type><boot dev='hd'/></os>
  <cpu mode='custom' match='exact'><model>qemu64</model></cpu>
  <features><acpi/></features><on_reboot>destroy</on_reboot>
  <devices><emulator>/usr/bin/qemu-system-x86_64</emulator>
${disks.map(disk).join('\n')}
    <serial type='file'><source path='${serialLog}'/><target port='0'/></serial>
    <memballoon model='none'/>
  </devices>
  <qemu:commandline>
${['-qmp', `unix:${monitor},server=on,wait=off`].map(argument).join('\n')}
${['-device', 'virtio-serial-pci,addr=0x1e'].map(argument).join('\n')}
${['-chardev', `socket,id=benchagent,path=${agent},server=on,wait=off`].map(argument).join('\n')}
${['-device', 'virtserialport,chardev=benchagent,name=org.qemu.guest_agent.0'].map(argument).join('\n')}
  </qemu:commandline>
</domain>
`
}
