// Plain JavaScript without imports of ours: scripts/debian-packages.mjs installs these before anything is built.
import { accessSync, constants, existsSync, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** @typedef {keyof typeof debianPackages} DebianPackage */

/** Debian packages that judge our results: programs or a file that prove that each is there, and why the tests want it. */
export const debianPackages = {
  e2fsprogs: {
    programs: ['mke2fs', 'mkfs.ext4', 'debugfs', 'e2fsck'],
    reason: 'makes and checks the ext4 images that are backed up and restored',
  },
  xfsprogs: { programs: ['mkfs.xfs', 'xfs_repair'], reason: 'makes and checks the XFS volumes whose files we read' },
  'ntfs-3g': {
    programs: ['mkntfs', 'ntfs-3g', 'ntfscp'],
    reason: 'makes and reads the NTFS volumes whose files we read',
  },
  attr: { programs: ['setfattr'], reason: 'sets what NTFS knows of a file beside its content' },
  time: { programs: ['time'], reason: 'measures the memory of a command for the benchmark' },
  'qemu-utils': {
    programs: ['qemu-img', 'qemu-io', 'qemu-nbd'],
    reason: 'reads the disk images that we write, and writes those that we read; speaks NBD',
  },
  'libnbd-bin': { programs: ['nbdcopy', 'nbdinfo'], reason: 'copies from our NBD server and to it' },
  'python3-libnbd': { programs: ['nbdsh'], reason: 'sends odd requests to our NBD server' },
  nbdkit: { programs: ['nbdkit'], reason: 'answers our NBD client, with faults and delays' },
  fio: { programs: ['fio'], reason: 'writes to our NBD server at random, and checks what it reads' },
  openssl: { programs: ['openssl'], reason: 'makes certificates for servers and clients' },
  '7zip': { programs: ['7zz'], reason: 'reads our disk images, differencing VHDs among them' },
  'libvhdi-utils': { programs: ['vhdimount'], reason: 'reads our VHD and VHDX images' },
  'libvmdk-utils': { programs: ['vmdkmount'], reason: 'reads our VMDK images' },
  'libqcow-utils': { programs: ['qcowmount'], reason: 'reads our QCOW2 images' },
  'libvirt-clients': {
    programs: ['virsh', 'virt-xml-validate'],
    reason: 'reads the XML of domains and the VMX that we write',
  },
  'libvirt-daemon-driver-qemu': {
    file: {
      folder: `/usr/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu/libvirt/connection-driver`,
      pattern: /^libvirt_driver_qemu\.so$/,
    },
    reason: 'runs a machine that we back up, as libvirt does',
  },
  'libvirt-daemon-system': {
    file: { folder: '/usr/share/doc', pattern: /^libvirt-daemon-system$/ },
    reason: "makes the user without whom libvirt's driver does not start",
  },
  'libxml2-utils': { programs: ['xmllint'], reason: 'reads the OVF that we write' },
  python3: { programs: ['python3'], reason: 'reads the OVA that we write' },
  'virt-v2v': { programs: ['virt-v2v'], reason: 'reads the OVA and the VMX that we write' },
  'qemu-system-x86': { programs: ['qemu-system-x86_64'], reason: 'boots restored machines, and has a QMP monitor' },
  'qemu-guest-agent': { programs: ['qemu-ga'], reason: 'answers our guest agent client, and freezes the guest' },
  'linux-image-amd64': {
    file: { folder: '/boot', pattern: /^vmlinuz-.*amd64$/ },
    reason: 'is the kernel of the guest that is booted',
  },
  kmod: { programs: ['modprobe'], reason: "finds the guest's drivers" },
  'busybox-static': { programs: ['busybox'], reason: "is the guest's programs" },
  cpio: { programs: ['cpio'], reason: "packs the guest's initial RAM disk" },
  fdisk: { programs: ['sfdisk'], reason: "partitions the guest's disk, and disks whose partitions we read" },
  mtools: {
    programs: ['mcopy', 'mdel', 'mformat'],
    reason: "fills the guest's boot partition, and FAT volumes whose files we read",
  },
  dosfstools: { programs: ['mkfs.vfat', 'fsck.vfat'], reason: 'makes and checks the FAT volumes whose files we read' },
  syslinux: { programs: ['syslinux'], reason: 'makes the guest boot by itself' },
  'syslinux-common': {
    file: { folder: '/usr/lib/syslinux/mbr', pattern: /^mbr\.bin$/ },
    reason: 'makes the guest boot by itself',
  },
  'xz-utils': { programs: ['xz'], reason: "unpacks the guest's kernel, so that it boots sooner" },
  fuse3: { programs: ['fusermount'], reason: 'takes away what vhdimount, vmdkmount and qcowmount mounted' },
  tgt: { programs: ['tgtd', 'tgtadm', 'tgtimg'], reason: 'is the tape library that our iSCSI initiator writes to' },
  'libiscsi-bin': {
    programs: ['iscsi-ls', 'iscsi-inq', 'iscsi-readcapacity16', 'iscsi-test-cu'],
    reason: 'logs in to the iSCSI target that our tests talk to',
  },
  'golang-go': { programs: ['go'], reason: 'compiles the vSphere that our tests talk to, and a client of it' },
  'golang-github-vmware-govmomi-dev': {
    file: { folder: '/usr/share/gocode/src/github.com/vmware/govmomi', pattern: /^simulator$/ },
    reason: 'is most of that vSphere, and the client',
  },
  zstd: { programs: ['zstd'], reason: 'reads what our zstd transform wrote, and the other way round' },
}

/** Lists the programs and files of a package that are not there. @param {DebianPackage} name @returns {string[]} */
export function missingOf(name) {
  /** @type {{ programs?: string[], file?: { folder: string, pattern: RegExp } }} */
  const { programs = [], file } = debianPackages[name]
  const missing = programs.filter((program) => !isInstalled(program))
  if (file !== undefined && !isInFolder(file)) missing.push(`${file.folder}/${file.pattern.source}`)
  return missing
}

/** @param {{ folder: string, pattern: RegExp }} file */
function isInFolder({ folder, pattern }) {
  return existsSync(folder) && readdirSync(folder).some((name) => pattern.test(name))
}

/** Tells whether there is a program; a user's PATH may lack the folders of the system's. @param {string} program */
export function isInstalled(program) {
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
