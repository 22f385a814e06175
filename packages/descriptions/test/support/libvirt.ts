import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from 'holdfast-lab'

/** The XML that libvirt makes of a domain: its own parser and formatter, by the driver for tests, which starts nothing. */
export function libvirtDomain(file: string, name: string): string {
  const quoted = `'${name.replaceAll("'", "'\\''")}'`
  return run('virsh', '-q', '-c', 'test:///default', `define --validate '${file}'; dumpxml --inactive ${quoted}`)
}

/**
 * The XML that libvirt makes of a VMX: its own parser, by the driver for VMware Player.
 *
 * That driver asks the Player for its version before it parses anything; a script in its place answers.
 */
export function libvirtDomainOfVmx(file: string, folder: string): string {
  for (const program of ['vmplayer', 'vmrun']) {
    const stub = join(folder, program)
    writeFileSync(stub, '#!/bin/sh\necho "VMware Player 15.5.0 build-1"\n')
    chmodSync(stub, 0o755)
  }
  const args = ['-q', '-c', 'vmwareplayer:///session', 'domxml-from-native', 'vmware-vmx', file]
  return run('env', `PATH=${folder}:${process.env['PATH'] ?? ''}`, 'virsh', ...args)
}
