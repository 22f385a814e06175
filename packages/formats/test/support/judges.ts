import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileDigest, run, skipsWithout, tempFolder } from 'holdfast-lab'
import { describe } from 'vitest'

/** A program by other people that reads disk images. */
export interface Judge {
  readonly name: 'qemu-img' | '7zz' | 'libvhdi' | 'libvmdk' | 'libqcow'
  /** SHA-256 of the disk as this program reads it. @throws when the program refuses the image */
  readonly digest: (image: string, format: JudgedFormat) => Promise<string>
}

/** Formats as judges name them; `-f` of qemu-img. */
export type JudgedFormat = 'raw' | 'vmdk' | 'vhd' | 'vhdx' | 'qcow2'

const qemuNames: Readonly<Record<JudgedFormat, string>> = {
  raw: 'raw',
  vmdk: 'vmdk',
  vhd: 'vpc',
  vhdx: 'vhdx',
  qcow2: 'qcow2',
}
const sevenZipNames: Readonly<Partial<Record<JudgedFormat, string>>> = {
  vmdk: 'VMDK',
  vhd: 'VHD',
  vhdx: 'VHDX',
  qcow2: 'QCOW',
}

/** All judges. Their known defects stand beside the cases that meet them. */
export const judges = {
  qemuImg: { name: 'qemu-img', digest: qemuDigest },
  sevenZip: { name: '7zz', digest: sevenZipDigest },
  libvhdi: { name: 'libvhdi', digest: (image) => mountedDigest('vhdimount', image) },
  libvmdk: { name: 'libvmdk', digest: (image) => mountedDigest('vmdkmount', image) },
  libqcow: { name: 'libqcow', digest: (image) => mountedDigest('qcowmount', image) },
} as const satisfies Record<string, Judge>

/** A suite that needs the judges. */
export const describeJudged = describe.skipIf(
  skipsWithout('qemu-utils', '7zip', 'libvhdi-utils', 'libvmdk-utils', 'libqcow-utils', 'fuse3'),
)

async function qemuDigest(image: string, format: JudgedFormat): Promise<string> {
  using folder = tempFolder()
  const raw = folder.at('disk.raw')
  run('qemu-img', 'convert', '-f', qemuNames[format], '-O', 'raw', image, raw)
  return await fileDigest(raw)
}

async function sevenZipDigest(image: string, format: JudgedFormat): Promise<string> {
  const child = spawn('7zz', ['e', '-so', `-t${sevenZipNames[format]}`, image], { stdio: ['ignore', 'pipe', 'pipe'] })
  const hash = createHash('sha256')
  let complaints = ''
  child.stdout.on('data', (part: Uint8Array) => hash.update(part))
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaints += text
  })
  const status = await new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve))
  if (status !== 0 || /error/i.test(complaints)) throw new Error(`7zz refuses ${image}: ${complaints}`)
  return hash.digest('hex')
}

/** Reads the newest of the disks that one of Joachim Metz's libraries shows under a mount point. */
async function mountedDigest(program: string, image: string): Promise<string> {
  const mount = mkdtempSync(join(tmpdir(), 'holdfast-mount-'))
  try {
    run(program, image, mount)
    const shown = readdirSync(mount)
    const newest = shown.toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true })).at(-1)
    if (newest === undefined) throw new Error(`${program} shows no disk in ${image}`)
    return await fileDigest(join(mount, newest))
  } finally {
    spawnSync('fusermount', ['-u', mount])
    rmdirSync(mount)
  }
}
