// Installs the Debian packages whose programs judge our results in the tests; only what is missing, as root or by sudo.
import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/**
 * Each package, a program or a file that proves that it is there, and why the tests want it.
 *
 * @type {readonly { name: string, program?: string, file?: readonly [folder: string, pattern: RegExp], reason: string }[]}
 */
const packages = [
  { name: 'e2fsprogs', program: 'mke2fs', reason: 'makes and checks the ext4 images that are backed up and restored' },
  { name: 'xfsprogs', program: 'mkfs.xfs', reason: 'makes and checks the XFS volumes whose files we read' },
  { name: 'ntfs-3g', program: 'mkntfs', reason: 'makes and reads the NTFS volumes whose files we read' },
  { name: 'attr', program: 'setfattr', reason: 'sets what NTFS knows of a file beside its content' },
  { name: 'time', program: 'time', reason: 'measures the memory of a command for the benchmark' },
  {
    name: 'qemu-utils',
    program: 'qemu-img',
    reason: 'reads the disk images that we write, and writes those that we read; speaks NBD',
  },
  { name: 'libnbd-bin', program: 'nbdcopy', reason: 'copies from our NBD server and to it' },
  { name: 'python3-libnbd', program: 'nbdsh', reason: 'sends odd requests to our NBD server' },
  { name: 'nbdkit', program: 'nbdkit', reason: 'answers our NBD client, with faults and delays' },
  { name: 'fio', program: 'fio', reason: 'writes to our NBD server at random, and checks what it reads' },
  { name: 'openssl', program: 'openssl', reason: 'makes certificates for servers and clients' },
  { name: '7zip', program: '7zz', reason: 'reads our disk images, differencing VHDs among them' },
  { name: 'libvhdi-utils', program: 'vhdimount', reason: 'reads our VHD and VHDX images' },
  { name: 'libvmdk-utils', program: 'vmdkmount', reason: 'reads our VMDK images' },
  { name: 'libqcow-utils', program: 'qcowmount', reason: 'reads our QCOW2 images' },
  { name: 'libvirt-clients', program: 'virsh', reason: 'reads the XML of domains and the VMX that we write' },
  {
    name: 'libvirt-daemon-driver-qemu',
    file: [
      `/usr/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu/libvirt/connection-driver`,
      /^libvirt_driver_qemu\.so$/,
    ],
    reason: 'runs a machine that we back up, as libvirt does',
  },
  {
    name: 'libvirt-daemon-system',
    file: ['/usr/share/doc', /^libvirt-daemon-system$/],
    reason: "makes the user without whom libvirt's driver does not start",
  },
  { name: 'libxml2-utils', program: 'xmllint', reason: 'reads the OVF that we write' },
  { name: 'virt-v2v', program: 'virt-v2v', reason: 'reads the OVA and the VMX that we write' },
  { name: 'qemu-system-x86', program: 'qemu-system-x86_64', reason: 'boots restored machines, and has a QMP monitor' },
  { name: 'qemu-guest-agent', program: 'qemu-ga', reason: 'answers our guest agent client, and freezes the guest' },
  {
    name: 'linux-image-amd64',
    file: ['/boot', /^vmlinuz-.*amd64$/],
    reason: 'is the kernel of the guest that is booted',
  },
  { name: 'kmod', program: 'modprobe', reason: "finds the guest's drivers" },
  { name: 'busybox-static', program: 'busybox', reason: "is the guest's programs" },
  { name: 'cpio', program: 'cpio', reason: "packs the guest's initial RAM disk" },
  { name: 'fdisk', program: 'sfdisk', reason: "partitions the guest's disk, and disks whose partitions we read" },
  { name: 'mtools', program: 'mcopy', reason: "fills the guest's boot partition, and FAT volumes whose files we read" },
  { name: 'dosfstools', program: 'mkfs.vfat', reason: 'makes and checks the FAT volumes whose files we read' },
  { name: 'syslinux', program: 'syslinux', reason: 'makes the guest boot by itself' },
  { name: 'syslinux-common', file: ['/usr/lib/syslinux/mbr', /^mbr\.bin$/], reason: 'makes the guest boot by itself' },
  { name: 'xz-utils', program: 'xz', reason: "unpacks the guest's kernel, so that it boots sooner" },
  { name: 'fuse3', program: 'fusermount', reason: 'takes away what vhdimount, vmdkmount and qcowmount mounted' },
  { name: 'zstd', program: 'zstd', reason: 'reads what our zstd transform wrote, and the other way round' },
]

const missing = packages.filter((wanted) => !isThere(wanted))
for (const { name, reason } of missing) console.log(`missing: ${name} (${reason})`)
if (missing.length > 0) install(missing.map(({ name }) => name))
const still = packages.filter((wanted) => !isThere(wanted))
for (const { name } of still) console.error(`${name} is not there; the tests that need it are skipped`)
console.log(`${packages.length - still.length} passed, ${still.length} failed`)
if (still.length > 0) process.exitCode = 1

/** @param {readonly string[]} names */
function install(names) {
  const root = process.getuid?.() === 0
  const prefix = root ? [] : ['sudo', '-n']
  const byHand = `apt-get install ${names.join(' ')}`
  if (!isInstalled('apt-get'))
    return console.error(`This is no Debian. Install by hand what holds: ${names.join(', ')}`)
  if (!root && (process.env['CI'] === undefined || !isInstalled('sudo'))) {
    return console.error(`Not root, so nothing is installed. Please run: sudo ${byHand}`)
  }
  for (const args of [['update'], ['install', '--yes', '--no-install-recommends', ...names]]) {
    const [command = 'apt-get', ...rest] = [...prefix, 'apt-get', ...args]
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
    const { status } = spawnSync(command, rest, { stdio: 'inherit', env })
    if (status !== 0) return console.error(`apt-get ${args[0]} failed. Please run as root: ${byHand}`)
  }
}

/** @param {typeof packages[number]} wanted */
function isThere({ program, file }) {
  if (program !== undefined) return isInstalled(program)
  const [folder, pattern] = file ?? ['', /^$/]
  return existsSync(folder) && readdirSync(folder).some((name) => pattern.test(name))
}

/** @param {string} program */
function isInstalled(program) {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin']
  return folders.some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}
