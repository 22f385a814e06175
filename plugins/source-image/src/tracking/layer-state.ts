import { createHash } from 'node:crypto'
import { basename } from 'node:path'
import type { DiskLayer } from '../disks/disk-content.js'
import { type DiskFile, stampedMs } from '../files/disk-file.js'

/**
 * Names the state of each layer together with all layers beneath it.
 *
 * Equal names stand for equal bytes of the disk as seen through that layer: format, size, identity, and of every file
 * name, size, inode and time stamps. Changing a parent changes the names of all its children.
 */
export function layerStates(layers: readonly DiskLayer[]): readonly string[] {
  const states: string[] = []
  for (const { format, variant, sizeBytes, identity, files } of layers.toReversed()) {
    const facts = [format, variant, sizeBytes, identity ?? '', files.map(fileFacts), states[0] ?? '']
    states.unshift(digest(facts))
  }
  return states
}

/** Names the files of a layer whatever is written to them; `undefined` where the file system cannot tell them from later ones. */
export function layerIdentity({ format, files }: DiskLayer): string | undefined {
  // An inode alone is soon given to the next file.
  if (files.some(({ bornNs }) => bornNs === 0n)) return undefined
  return digest([format, files.map(({ opened, bornNs }) => [`${opened.inode}`, `${bornNs}`])])
}

// The coarsest stamps in use, FAT's, count 2 s.
const coarseMs = 3000

/**
 * Tells whether a write after now must change the stamps of these layers.
 *
 * A stamp of whole milliseconds may come from a file system that counts in them, or in seconds: it has to be older.
 */
export function hasFirmStamps(layers: readonly DiskLayer[], now: Date): boolean {
  return layers.every(({ files }) =>
    files.every(({ opened }) => {
      const ageMs = now.getTime() - stampedMs(opened)
      return opened.changedNs % 1_000_000n === 0n ? ageMs > coarseMs : ageMs >= 0
    }),
  )
}

function fileFacts({ path, opened }: DiskFile): readonly (string | number)[] {
  const { sizeBytes, inode, modifiedNs, changedNs } = opened
  return [basename(path), sizeBytes, `${inode}`, `${modifiedNs}`, `${changedNs}`]
}

function digest(facts: unknown): string {
  return createHash('sha256').update(JSON.stringify(facts)).digest('base64url').slice(0, 32)
}
