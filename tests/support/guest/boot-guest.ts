import { spawn } from 'node:child_process'

/** How a disk is attached to the emulated machine. */
export interface BootDisk {
  readonly file: string
  readonly format: 'raw' | 'qcow2' | 'vhdx'
  readonly bus: 'virtio' | 'sata' | 'ide' | 'scsi'
}

const devices = {
  virtio: ['-device', 'virtio-blk-pci,drive=disk0'],
  sata: ['-device', 'ich9-ahci,id=ahci', '-device', 'ide-hd,bus=ahci.0,drive=disk0'],
  ide: ['-device', 'ide-hd,drive=disk0'],
  scsi: ['-device', 'virtio-scsi-pci', '-device', 'scsi-hd,drive=disk0'],
} as const

/**
 * Boots a disk in QEMU, emulated, without network and without writing to it, and returns what the guest printed.
 *
 * The guest of make-guest.sh powers itself off; whatever does not is killed.
 */
export function bootGuest({ file, format, bus }: BootDisk, timeoutMs = 120_000): Promise<string> {
  const args = [
    ...['-accel', 'tcg', '-machine', 'pc', '-m', '512', '-nic', 'none', '-no-reboot', '-display', 'none'],
    ...['-serial', 'stdio', '-monitor', 'none', '-snapshot'],
    ...['-drive', `file=${file},format=${format},if=none,id=disk0`],
    ...devices[bus],
  ]
  return new Promise((resolve, reject) => {
    const child = spawn('qemu-system-x86_64', args, { stdio: ['ignore', 'pipe', 'pipe'] })
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs)
    let output = ''
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('latin1').on('data', (text: string) => {
        output += text
      })
    child.on('error', reject)
    child.on('close', () => {
      clearTimeout(timer)
      resolve(output)
    })
  })
}
