import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe } from 'vitest'

/** Programs by other people that make and read file systems, and the Debian packages that have them. */
const packages = {
  'mkfs.ext4': 'e2fsprogs',
  debugfs: 'e2fsprogs',
  e2fsck: 'e2fsprogs',
  'mkfs.vfat': 'dosfstools',
  'fsck.vfat': 'dosfstools',
  mcopy: 'mtools',
  sfdisk: 'fdisk',
  mkntfs: 'ntfs-3g',
  ntfscp: 'ntfs-3g',
  mdel: 'mtools',
} as const

/** One of the programs above. */
export type Program = keyof typeof packages

const isRequired = process.env['HOLDFAST_TEST_REQUIRE'] === 'all'

/** A suite that needs programs: skipped aloud where one is missing, failed where they are required. */
export function describeWith(...programs: readonly Program[]): typeof describe | ReturnType<typeof describe.skipIf> {
  const missing = programs.filter((program) => spawnSync(program, ['--version'], { env }).error !== undefined)
  if (missing.length > 0 && !isRequired)
    process.stdout.write(`SKIPPED: apt-get install ${missing.map((program) => packages[program]).join(' ')}\n`)
  return describe.skipIf(missing.length > 0 && !isRequired)
}

/** Administrators' programs are not on everybody's path. Times of FAT are local ones. */
const env = { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/sbin`, TZ: 'UTC', LC_ALL: 'C.UTF-8' }

/** Runs a program and returns its output; its error output becomes the message of what is thrown. */
export function run(program: Program, ...args: readonly string[]): string {
  return execFileSync(program, args, options('pipe')).toString('utf8')
}

/** Runs a program with text as its input. */
export function runWith(input: string, program: Program, ...args: readonly string[]): string {
  return execFileSync(program, args, { ...options('pipe'), input }).toString('utf8')
}

function options(stdin: 'pipe') {
  return { env, maxBuffer: 2 ** 28, timeout: 120_000, stdio: [stdin, 'pipe', 'pipe'] as ['pipe', 'pipe', 'pipe'] }
}

/** A folder that is removed when it is disposed. */
export function tempFolder(): { readonly path: string; readonly at: (name: string) => string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'holdfast-filesystems-'))
  return {
    path,
    at: (name) => join(path, name),
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  }
}
