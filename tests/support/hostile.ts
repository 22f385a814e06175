import { Buffer } from 'node:buffer'
import { createHash, randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { chunkHasher } from '@holdfast/core/repository'
import type { MemoryTarget } from '@holdfast/testkit/memory'
import { key } from './outcome.js'
import { plainEnvelope } from './plain-envelope.js'

/** Writes objects as a hostile writer could: well-formed on the outside, by the format's specification. */
export interface HostileWriter {
  /** Stores an object in an envelope that is right. */
  readonly seal: (name: string, payload: Uint8Array | object) => string
  /** Stores nodes in a pack of their own, listed by an index object, and returns their ids. */
  readonly storeNodes: (nodes: readonly Uint8Array[], place?: Partial<HostilePlace>) => readonly Buffer[]
}

/** What the index says of the pack, instead of the truth. */
export interface HostilePlace {
  readonly frameBytes: number
  readonly plainBytes: number
  readonly pack: number
}

/** Starts writing into a repository without keys. */
export function hostileWriter(target: MemoryTarget): HostileWriter {
  const description = JSON.parse(Buffer.from(target.objects.find(key('holdfast.json'))?.bytes ?? []).toString())
  const repositoryId: string = description.id
  const idOf = chunkHasher({ hash: description.chunkHash, idKey: undefined })
  const seal = (name: string, payload: Uint8Array | object): string => {
    const bytes = payload instanceof Uint8Array ? payload : Buffer.from(JSON.stringify(payload))
    target.objects.overwrite(key(name), plainEnvelope(repositoryId, name, bytes))
    return name
  }
  return {
    seal,
    storeNodes: (nodes, place = {}) => {
      const ids = nodes.map(idOf)
      const packId = randomBytes(16)
      const name = `packs/${packId.toString('hex').slice(0, 2)}/${packId.toString('hex')}`
      const header = Buffer.concat([
        Buffer.from('HFPK'),
        Buffer.from([1, 1, 0, 0]),
        packId,
        Buffer.from(repositoryId, 'hex'),
        Buffer.alloc(24),
      ])
      const frame = encodedFrame(nodes, ids)
      const chain = Buffer.from('[]')
      const records = nodes.map((node, i) => {
        const before = nodes.slice(0, i).reduce((sum, other) => sum + other.length, 4 + nodes.length * 36)
        return { id: ids[i] ?? Buffer.alloc(32), words: [64, frame.length, before, node.length] as const }
      })
      const payload = Buffer.concat([
        header,
        u32(chain.length),
        chain,
        u32(nodes.length),
        ...records.map(({ id, words }) => Buffer.concat([id, u32(...words)])),
      ])
      const footer = plainEnvelope(repositoryId, name, payload)
      const trailer = Buffer.concat([u32(footer.length, 0, 0), Buffer.from('HFPE')])
      target.objects.overwrite(key(name), Buffer.concat([header, frame, footer, trailer]))
      const size = header.length + frame.length + footer.length + trailer.length
      const table = Buffer.concat([packId, Buffer.alloc(8), u32(size), Buffer.from([1, 0, 0, 0])])
      const sorted = [...records].sort((a, b) => a.id.readUInt32LE(0) - b.id.readUInt32LE(0))
      const listed = sorted.map(({ id, words: [at, frameBytes, offset, length] }) =>
        Buffer.concat([
          id,
          u32(place.pack ?? 0, at, place.frameBytes ?? frameBytes, offset, place.plainBytes ?? length),
        ]),
      )
      const chains = Buffer.from('[[]]')
      seal(
        `index/${randomBytes(16).toString('hex')}`,
        Buffer.concat([u32(chains.length, 1, nodes.length), chains, table, ...listed]),
      )
      return ids
    },
  }
}

/** A frame that went through no transform. */
function encodedFrame(nodes: readonly Uint8Array[], ids: readonly Buffer[]): Buffer {
  const table = nodes.map((node, i) => Buffer.concat([u32(node.length), ids[i] ?? Buffer.alloc(32)]))
  const plain = Buffer.concat([u32(nodes.length), ...table, ...nodes])
  const head = Buffer.alloc(12)
  head.writeUInt32LE(plain.length, 0)
  head.writeUInt16LE(crc32(head.subarray(0, 10)) & 0xffff, 10)
  return Buffer.concat([head, plain])
}

export function u32(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4)
  values.forEach((value, i) => {
    bytes.writeUInt32LE(value >>> 0, i * 4)
  })
  return bytes
}

/** An inner node of a disk's tree. */
export function innerNode(level: number, children: readonly Uint8Array[]): Buffer {
  return Buffer.concat([Buffer.from([2, level, 0, 0]), ...children])
}

/** A leaf that lists chunks. */
export function leafNode(chunks: readonly { readonly length: number; readonly id: Uint8Array }[]): Buffer {
  return Buffer.concat([Buffer.from([1, 0, 0, 0]), ...chunks.map(({ length, id }) => Buffer.concat([u32(length), id]))])
}

/** A JSON object with the digest that descriptions and key objects carry. */
export function digested(body: object): Buffer {
  const { digest: _, ...rest } = body as { readonly digest?: string }
  return Buffer.from(
    JSON.stringify({ ...rest, digest: createHash('sha256').update(JSON.stringify(rest)).digest('hex') }),
  )
}
