import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { runQuietly } from './measure/run-quietly.ts'

/** The Debian package of each program that the benchmark runs. */
const packages: Readonly<Record<string, string>> = {
  restic: 'restic',
  borg: 'borgbackup',
  vmtouch: 'vmtouch',
  time: 'time',
  zstd: 'zstd',
  openssl: 'openssl',
  mke2fs: 'e2fsprogs',
  debugfs: 'e2fsprogs',
  fallocate: 'util-linux',
  'qemu-img': 'qemu-utils',
}

/** The Debian package of each program that jobs around QEMU run as well: much, and not everywhere to be had. */
const qemuPackages: Readonly<Record<string, string>> = {
  'qemu-system-x86_64': 'qemu-system-x86',
  'qemu-nbd': 'qemu-utils',
  nbdcopy: 'libnbd-bin',
  virtnbdbackup: 'virtnbdbackup',
  libvirtd: 'libvirt-daemon-system libvirt-daemon-driver-qemu',
  virsh: 'libvirt-clients',
  'qemu-ga': 'qemu-guest-agent',
  busybox: 'busybox-static',
  modprobe: 'kmod linux-image-amd64',
  cpio: 'cpio',
  sfdisk: 'fdisk',
  mcopy: 'mtools',
  syslinux: 'syslinux syslinux-common',
  xz: 'xz-utils',
  unshare: 'util-linux',
}

/** The Debian package of each program that jobs of tapes run as well. */
const tapePackages: Readonly<Record<string, string>> = { tgtd: 'tgt', tgtimg: 'tgt', python3: 'python3' }

/** Versions of the programs that Holdfast is compared with. */
export interface PeerVersions {
  readonly restic: string
  readonly borg: string
  readonly zstd: string
  readonly qemuImg: string
}

/** Versions of the programs that the jobs around QEMU are about. */
export interface QemuVersions {
  readonly virtnbdbackup: string
  readonly libvirt: string
  readonly qemu: string
  readonly nbdcopy: string
}

/** Installs, with apt, what is missing of the programs that the benchmark runs; those around QEMU and tapes where they are wanted. */
export async function installPeers(options: { readonly qemu: boolean; readonly tape: boolean }): Promise<void> {
  const wanted = { ...packages, ...(options.qemu ? qemuPackages : {}), ...(options.tape ? tapePackages : {}) }
  const missing = Object.keys(wanted).filter((program) => findProgram(program) === undefined)
  if (missing.length === 0) return
  const names = [...new Set(missing.map((program) => wanted[program] ?? program))]
  const command = `apt-get install --yes --no-install-recommends ${names.join(' ')}`
  if (process.geteuid?.() !== 0) {
    throw new Error(`Programs are missing: ${missing.join(', ')}. Install them as root: ${command}`)
  }
  console.error(`installing ${names.join(' ')}`)
  const env = { DEBIAN_FRONTEND: 'noninteractive' }
  await runQuietly('apt-get', ['update', '--quiet'], { env })
  await runQuietly('apt-get', command.split(' ').slice(1), { env })
}

/** Asks the peers which versions they are. */
export async function peerVersions(): Promise<PeerVersions> {
  return {
    restic: versionIn(await runQuietly('restic', ['version'])),
    borg: versionIn(await runQuietly('borg', ['--version'])),
    zstd: versionIn(await runQuietly('zstd', ['--version'])),
    qemuImg: versionIn(await runQuietly('qemu-img', ['--version'])),
  }
}

/** Asks the programs around QEMU which versions they are. */
export async function qemuVersions(): Promise<QemuVersions> {
  return {
    virtnbdbackup: versionIn(await runQuietly('virtnbdbackup', ['--version'])),
    libvirt: versionIn(await runQuietly('libvirtd', ['--version'])),
    qemu: versionIn(await runQuietly('qemu-system-x86_64', ['--version'])),
    nbdcopy: versionIn(await runQuietly('nbdcopy', ['--version'])),
  }
}

/** Returns the full path of a program, or nothing if it is not installed. */
export function findProgram(program: string): string | undefined {
  // Debian keeps file-system tools where ordinary users do not look.
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin']
  return folders.map((folder) => join(folder, program)).find((path) => existsSync(path))
}

function versionIn(text: string): string {
  const version = /\d+\.\d+(\.\d+)?/.exec(text)?.[0]
  if (version === undefined) throw new Error(`No version in: ${text}`)
  return version
}
