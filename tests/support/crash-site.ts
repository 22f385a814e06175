import { createHash } from 'node:crypto'
import { mkdir, open, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Pipeline, secretValue, type TargetPlugin, type TransformPlugin } from '@holdfast/core'
import { type EngineHost, engineHost } from '@holdfast/core/engine'
import { imageSource } from '@holdfast/source-image'
import { diskTarget } from '@holdfast/target-disk'
import { seededBytes, seededImage, writeImageFile } from '@holdfast/testkit/images'
import { aesGcmTransform } from '@holdfast/transform-aes-gcm'
import { zstdTransform } from '@holdfast/transform-zstd'

/** Folders that a crash scenario works in. */
export interface CrashSite {
  readonly machines: string
  readonly vault: string
  readonly copy: string
  /** Ends the names of the machines, to keep those of several sites apart. @defaultValue none */
  readonly suffix?: string
}

/** What a child is told to do. */
export interface CrashJob {
  readonly action: 'run' | 'prune' | 'copy' | 'rotate' | 'add' | 'revoke'
  readonly site: CrashSite
}

export const transforms: readonly TransformPlugin[] = [
  zstdTransform({ level: 1 }),
  aesGcmTransform({ passphrase: { env: 'CRASH' } }),
]

export const retention = { last: 1 } as const

export function crashHost(): EngineHost {
  return engineHost({ workers: 1, resolveSecret: async () => secretValue('first') })
}

type Wrap = (plugin: TargetPlugin) => TargetPlugin

export function accessOf(path: string, wrap: Wrap = (plugin) => plugin) {
  return { name: 'vault', plugin: wrap(diskTarget({ path })), transforms, offered: [] }
}

export function pipelineOf(site: CrashSite, wrap?: Wrap): Pipeline {
  return {
    name: 'crash',
    source: imageSource({ path: site.machines }),
    targets: [accessOf(site.vault, wrap)],
    transforms,
  }
}

function machineSizes({ suffix = '' }: CrashSite): readonly (readonly [string, number])[] {
  return [
    [`web${suffix}`, 16 * 2 ** 20],
    [`db${suffix}`, 8 * 2 ** 20],
  ]
}

/** Makes two machines: one whose changes are recorded, one that is read whole each time. */
export async function makeMachines(site: CrashSite, seed: number): Promise<void> {
  for (const [name, sizeBytes] of machineSizes(site)) {
    await mkdir(join(site.machines, name), { recursive: true })
    await writeImageFile(join(site.machines, name, 'disk.raw'), seededImage(sizeBytes, seed, { usedPercent: 30 }))
  }
  await describe(site, 0, [])
}

/** Writes over a few places of each machine, zeros among them, and records it for one. */
export async function changeMachines(site: CrashSite, day: number, random: () => number): Promise<void> {
  for (const [name, sizeBytes] of machineSizes(site)) {
    const file = await open(join(site.machines, name, 'disk.raw'), 'r+')
    const extents: [number, number][] = []
    for (let i = 0; i < 6; i++) {
      const length = 4096 * (1 + (random() % 64))
      const offset = 4096 * (random() % (sizeBytes / 4096 - 64))
      await file.write(i === 0 ? new Uint8Array(length) : seededBytes(length, random()), 0, length, offset)
      extents.push([offset, length])
    }
    await file.close()
    if (name.startsWith('web')) await describe(site, day, extents)
  }
}

async function describe(site: CrashSite, day: number, extents: readonly (readonly [number, number])[]): Promise<void> {
  const changes = day === 0 ? {} : { changes: { since: `day-${day - 1}`, extents } }
  const disk = { id: 'disk', file: 'disk.raw', changeToken: `day-${day}`, ...changes }
  await writeFile(join(site.machines, `web${site.suffix ?? ''}`, 'machine.json'), JSON.stringify({ disks: [disk] }))
}

/** SHA-256 of each machine's disk as it is now. */
export async function machineDigests(site: CrashSite): Promise<Readonly<Record<string, string>>> {
  const digests: Record<string, string> = {}
  for (const [name] of machineSizes(site)) {
    digests[name] = sha256(await readFile(join(site.machines, name, 'disk.raw')))
  }
  return digests
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** Paths of all files below a folder. */
export async function filesBelow(folder: string): Promise<readonly string[]> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true })
  return found
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
}
