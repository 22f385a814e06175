import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, it } from 'vitest'

/** Programs by other people that read descriptions, and the Debian packages that have them. */
const packages = {
  xmllint: 'libxml2-utils',
  virsh: 'libvirt-clients',
  'virt-xml-validate': 'libvirt-clients',
  tar: 'tar',
  python3: 'python3',
  'virt-v2v': 'virt-v2v',
  sh: 'dash',
  'qemu-system-x86_64': 'qemu-system-x86',
  'qemu-img': 'qemu-utils',
} as const

/** Name of a judge. */
export type Judge = keyof typeof packages

/** Groups tests that need programs: skipped aloud without them, failing instead when HOLDFAST_TEST_REQUIRE is `all`. */
export function describeWith(programs: readonly Judge[], title: string, tests: (folder: string) => void): void {
  const missing = programs.filter((program) => spawnSync('which', [program]).status !== 0)
  const names = [...new Set(missing.map((program) => packages[program]))].join(' ')
  if (missing.length === 0) {
    describe(title, () => {
      const folder = mkdtempSync(join(tmpdir(), 'holdfast-descriptions-'))
      afterAll(() => rmSync(folder, { recursive: true, force: true }))
      tests(folder)
    })
    return
  }
  process.stdout.write(
    `SKIPPED: ${title}: ${missing.join(' and ')} missing; apt-get install --no-install-recommends ${names}\n`,
  )
  describe.skipIf(process.env['HOLDFAST_TEST_REQUIRE'] !== 'all')(title, () => {
    it(`needs ${missing.join(' and ')}`, () => {
      throw new Error(`missing: apt-get install --no-install-recommends ${names}`)
    })
  })
}

/** Runs a judge; the error of one that refuses holds what it said. */
export function judge(program: Judge, args: readonly string[], env: NodeJS.ProcessEnv = {}): string {
  try {
    return execFileSync(program, args, {
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C.UTF-8', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
  } catch (cause) {
    const said = cause instanceof Error && 'stderr' in cause ? String(cause.stderr) : String(cause)
    throw new Error(`${program} ${args.join(' ')}: ${said}`, { cause })
  }
}

/** The XML that libvirt makes of a domain: its own parser and formatter, by the driver for tests, which starts nothing. */
export function libvirtDomain(file: string, name: string): string {
  return judge('virsh', [
    '-q',
    '-c',
    'test:///default',
    `define --validate '${file}'; dumpxml --inactive '${name.replaceAll("'", "'\\''")}'`,
  ])
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
  return judge('virsh', args, { PATH: `${folder}:${process.env['PATH'] ?? ''}` })
}
