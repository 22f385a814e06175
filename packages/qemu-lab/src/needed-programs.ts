import { accessSync, constants, existsSync, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** What a suite needs: QEMU alone, or a guest in it too. */
export type LabNeed = 'qemu' | 'guest'

const qemu = ['qemu-system-x86_64', 'qemu-img']
const programs: Readonly<Record<LabNeed, readonly string[]>> = {
  qemu,
  guest: [...qemu, ...['qemu-ga', 'busybox', 'cpio', 'mke2fs', 'mcopy', 'modprobe', 'sfdisk', 'syslinux', 'xz']],
}

/** The environment of a program that is run here: a user's PATH may lack the folders of the system's programs. */
export function labEnvironment(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${process.env['PATH'] ?? ''}${delimiter}/usr/sbin${delimiter}/sbin` }
}

/**
 * Tells whether a suite is skipped for want of programs, and says so aloud: `describe.skipIf(skipsWithout('guest'))`.
 *
 * With `HOLDFAST_TEST_REQUIRE=all` nothing is skipped: the suite fails.
 */
export function skipsWithout(need: LabNeed): boolean {
  const missing = programs[need].filter((program) => !isInstalled(program))
  if (need === 'guest' && !hasKernel()) missing.push('linux-image-amd64')
  if (missing.length === 0 || process.env['HOLDFAST_TEST_REQUIRE'] === 'all') return false
  process.stdout.write(`SKIPPED: ${missing.join(', ')} missing; node scripts/debian-packages.mjs\n`)
  return true
}

function isInstalled(program: string): boolean {
  return (labEnvironment()['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

function hasKernel(): boolean {
  return existsSync('/lib/modules') && readdirSync('/boot').some((name) => /^vmlinuz-.*amd64$/.test(name))
}
