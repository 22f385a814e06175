import type { ReadOptions } from '../described-machine.js'
import { limits } from '../limits.js'
import { listOva, type OvaMember, wrongOva } from './list-ova.js'
import { type ManifestEntry, parseManifest } from './manifest.js'
import type { OvfPackage } from './ovf-package.js'
import { type PositionedBytes, partOf } from './positioned-bytes.js'
import { readOvf } from './read-ovf.js'

/** What an OVA holds. */
export interface Ova extends OvfPackage {
  /** Every file, in the order of the archive. */
  readonly members: readonly OvaMember[]
  readonly descriptor: OvaMember
  /** Digests to check the members with; absent when the OVA has none. */
  readonly manifest?: readonly ManifestEntry[]
  /** The file with certificate and signature. This package does not verify it: nothing says who made the OVA. */
  readonly certificate?: OvaMember
}

/**
 * Reads what an OVA says about its machines. Disks stay where they are: `partOf` gives the bytes of a member.
 *
 * @throws BackupError `E_SOURCE_INVALID`
 */
export async function readOva(source: PositionedBytes, options: ReadOptions = {}): Promise<Ova> {
  const members = await listOva(source)
  const descriptors = members.filter(({ name }) => endsWith(name, '.ovf'))
  const [descriptor] = descriptors
  if (descriptor === undefined || descriptors.length > 1) throw wrongOva('it has no single descriptor (.ovf)')
  const beside = (extension: string) =>
    members.find(({ name }) => name.toLowerCase() === `${descriptor.name.slice(0, -4)}${extension}`.toLowerCase())
  const manifest = beside('.mf')
  const certificate = beside('.cert')
  const content = readOvf(await bytesOf(source, descriptor), { name: stemOf(descriptor.name), ...options })
  return {
    ...content,
    members,
    descriptor,
    ...(manifest !== undefined && { manifest: parseManifest(await bytesOf(source, manifest)) }),
    ...(certificate !== undefined && { certificate }),
  }
}

async function bytesOf(source: PositionedBytes, member: OvaMember): Promise<Uint8Array> {
  if (member.sizeBytes > limits.textBytes)
    throw wrongOva(`its ${member.name.slice(-4)} is longer than ${limits.textBytes} bytes`)
  const bytes = new Uint8Array(member.sizeBytes)
  await partOf(source, member).read(0, bytes)
  return bytes
}

function endsWith(name: string, extension: string): boolean {
  return name.toLowerCase().endsWith(extension)
}

function stemOf(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1, -4)
}
