import { type DebianPackage, missingOf } from './debian-packages.mjs'

const qemu = ['qemu-system-x86', 'qemu-utils'] as const
/** What is asked for by one word: QEMU alone, a guest in it too (make-guest.sh names what that takes), a simulated vSphere. */
const groups = {
  qemu,
  guest: [
    ...qemu,
    ...(['qemu-guest-agent', 'linux-image-amd64', 'kmod', 'busybox-static', 'cpio', 'e2fsprogs'] as const),
    ...(['fdisk', 'syslinux', 'syslinux-common', 'mtools', 'xz-utils'] as const),
  ],
  vsphere: ['golang-go', 'golang-github-vmware-govmomi-dev', 'qemu-utils'],
} as const

/** What a suite needs: Debian packages, or a group of them. */
export type Need = DebianPackage | keyof typeof groups

/**
 * Tells whether a suite is skipped for want of programs, and says so aloud: `describe.skipIf(skipsWithout('guest'))`.
 *
 * @throws Error that names them, where `HOLDFAST_TEST_REQUIRE=all`: nothing is skipped then
 */
export function skipsWithout(...needs: readonly Need[]): boolean {
  const packages = needs.flatMap((need) => (isGroup(need) ? groups[need] : [need]))
  const wanted = packages.filter((name) => missingOf(name).length > 0)
  return skipsUnless(
    wanted.length === 0,
    `${wanted.flatMap(missingOf).join(', ')} missing; apt-get install ${wanted.join(' ')}`,
  )
}

function isGroup(need: Need): need is keyof typeof groups {
  return Object.hasOwn(groups, need)
}

/**
 * Tells whether a suite is skipped because something is not possible here, and says so aloud.
 *
 * @throws Error with the reason, where `HOLDFAST_TEST_REQUIRE=all`
 */
export function skipsUnless(isPossible: boolean, reason: string): boolean {
  if (isPossible) return false
  if (process.env['HOLDFAST_TEST_REQUIRE'] === 'all') throw new Error(`${reason} (HOLDFAST_TEST_REQUIRE=all)`)
  process.stdout.write(`SKIPPED: ${reason}\n`)
  return true
}
