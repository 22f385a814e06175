import { createHash } from 'node:crypto'
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import type { Entry, Filesystem, OpenFile } from '../../src/filesystem.js'
import { nameFromBytes } from '../../src/names/name-bytes.js'
import { unaborted } from './memory-source.js'
import { digestOf } from './sample-tree.js'

/** What is compared of an entry. */
export interface Snap {
  readonly type: string
  readonly sizeBytes?: number
  /** SHA-256 of a file, target of a link. */
  readonly content?: string
}

/** All of a file system below an entry, by path. */
export async function snapshot(filesystem: Filesystem, from: Entry = filesystem.root): Promise<Map<string, Snap>> {
  const all = new Map<string, Snap>()
  const walk = async (directory: Entry): Promise<void> => {
    for await (const entry of filesystem.list(directory, unaborted)) {
      if (all.has(entry.path)) throw new Error(`${entry.path} is listed twice`)
      all.set(entry.path, await snapOf(filesystem, entry))
      if (entry.type === 'directory') await walk(entry)
    }
  }
  await walk(from)
  return all
}

async function snapOf(filesystem: Filesystem, entry: Entry): Promise<Snap> {
  const { type, sizeBytes } = entry
  if (type === 'symlink') return { type, content: await filesystem.readLink(entry, unaborted) }
  if (type !== 'file') return { type }
  return { type, sizeBytes, content: await digestOfFile(await filesystem.open(entry, unaborted)) }
}

/** SHA-256 of a file, read in pieces of an odd size. */
export async function digestOfFile(file: OpenFile): Promise<string> {
  const hash = createHash('sha256')
  const piece = new Uint8Array(100_003)
  for (let at = 0; at < file.sizeBytes; at += piece.byteLength) {
    const part = piece.subarray(0, Math.min(piece.byteLength, file.sizeBytes - at))
    await file.read(at, part, unaborted)
    hash.update(part)
  }
  return hash.digest('hex')
}

/** All of a folder of this machine in the same form. */
export function snapshotOfFolder(root: string): Map<string, Snap> {
  const all = new Map<string, Snap>()
  const walk = (folder: Buffer, path: string) => {
    for (const name of readdirSync(folder, { encoding: 'buffer' })) {
      const place = Buffer.concat([folder, Buffer.from('/'), name])
      const where = `${path}/${nameFromBytes(name)}`
      const stat = lstatSync(place)
      if (stat.isDirectory()) {
        all.set(where, { type: 'directory' })
        walk(place, where)
      } else if (stat.isSymbolicLink()) all.set(where, { type: 'symlink', content: targetOf(place) })
      else if (stat.isFile())
        all.set(where, { type: 'file', sizeBytes: stat.size, content: digestOf(readFileSync(place)) })
      else all.set(where, { type: typeOf(stat) })
    }
  }
  walk(Buffer.from(root), '')
  return all
}

function targetOf(place: Buffer): string {
  return readlinkSync(place, { encoding: 'buffer' }).toString('utf8').split('/').map(escaped).join('/')
}

function escaped(name: string): string {
  return nameFromBytes(new TextEncoder().encode(name))
}

function typeOf(stat: ReturnType<typeof lstatSync>): string {
  if (stat?.isFIFO() === true) return 'fifo'
  return stat?.isSocket() === true ? 'socket' : 'other'
}
