import { Buffer } from 'node:buffer'
import { asBuffer, toHex } from './bytes.js'
import { chunkIdBytes } from './chunk-id.js'
import { parseChain, type StoredTransform } from './codec-chain.js'
import { damaged } from './damage.js'
import { type EnvelopeContext, openEnvelope, sealEnvelope } from './envelope.js'
import { packKey } from './layout.js'

/** Chunks of disks, or nodes of the trees that list them: kept apart so that listing reads little. */
export type PackKind = 'data' | 'tree'

/** Bytes in front of the first frame. */
export const packHeaderBytes = 64
/** Bytes behind the footer. */
export const packTrailerBytes = 16
const headMagic = Buffer.from('HFPK')
const tailMagic = Buffer.from('HFPE')
const recordBytes = chunkIdBytes + 16

/** Footers are bounded so that a hostile length cannot make us allocate. */
const maxFooterBytes = 64 * 2 ** 20

/** Where a chunk lies in its pack. */
export interface PackChunk {
  readonly id: Uint8Array
  readonly frameOffset: number
  readonly frameBytes: number
  /** Place in the decoded frame. */
  readonly plainOffset: number
  readonly plainBytes: number
}

/** The start of a pack. */
export interface PackHeader {
  readonly packId: Uint8Array
  readonly repositoryId: string
  readonly kind: PackKind
  /** Data key that the pack's keys derive from; zeros in a repository without keys. */
  readonly dataKeyId: Uint8Array
}

/** The end of a pack: enough to rebuild the index. */
export interface PackFooter {
  readonly chain: readonly StoredTransform[]
  readonly chunks: readonly PackChunk[]
}

/** Writes the header. Spec: "Packs". */
export function encodePackHeader(header: PackHeader): Buffer {
  const bytes = Buffer.alloc(packHeaderBytes)
  headMagic.copy(bytes, 0)
  bytes[4] = 1
  bytes[5] = header.kind === 'data' ? 0 : 1
  bytes.set(header.packId, 8)
  Buffer.from(header.repositoryId, 'hex').copy(bytes, 24)
  bytes.set(header.dataKeyId, 40)
  return bytes
}

/** Reads a header and checks that it belongs to this pack of this repository. */
export function decodePackHeader(bytes: Uint8Array, packId: string, repositoryId: string): PackHeader {
  const name = packKey(packId)
  const buffer = asBuffer(bytes)
  if (buffer.length < packHeaderBytes || !buffer.subarray(0, 4).equals(headMagic))
    throw damaged(name, 'it does not begin as a pack')
  if (buffer[4] !== 1) throw damaged(name, `it has format version ${buffer[4]}, this program reads 1`)
  const header: PackHeader = {
    packId: Buffer.from(buffer.subarray(8, 24)),
    repositoryId: toHex(buffer.subarray(24, 40)),
    kind: buffer[5] === 0 ? 'data' : 'tree',
    dataKeyId: Buffer.from(buffer.subarray(40, 48)),
  }
  if (toHex(header.packId) !== packId)
    throw damaged(name, `it is pack ${toHex(header.packId)}, stored under another name`)
  if (header.repositoryId !== repositoryId) throw damaged(name, 'it belongs to another repository')
  return header
}

/** Writes footer and trailer; the footer's envelope binds the header, so that neither can be altered. */
export function encodePackTail(header: Buffer, footer: PackFooter, context: EnvelopeContext): Buffer {
  const chain = Buffer.from(JSON.stringify(footer.chain))
  const payload = Buffer.alloc(packHeaderBytes + 8 + chain.length + footer.chunks.length * recordBytes)
  header.copy(payload, 0)
  let at = packHeaderBytes
  at = payload.writeUInt32LE(chain.length, at)
  at += chain.copy(payload, at)
  at = payload.writeUInt32LE(footer.chunks.length, at)
  for (const chunk of footer.chunks) {
    payload.set(chunk.id, at)
    at += chunkIdBytes
    at = payload.writeUInt32LE(chunk.frameOffset, at)
    at = payload.writeUInt32LE(chunk.frameBytes, at)
    at = payload.writeUInt32LE(chunk.plainOffset, at)
    at = payload.writeUInt32LE(chunk.plainBytes, at)
  }
  const sealed = Buffer.concat(sealEnvelope(packKey(toHex(header.subarray(8, 24))), [payload], context))
  const trailer = Buffer.alloc(packTrailerBytes)
  trailer.writeUInt32LE(sealed.length, 0)
  tailMagic.copy(trailer, 12)
  return Buffer.concat([sealed, trailer])
}

/** Reads how long the footer is from the last bytes of a pack. */
export function decodePackTrailer(trailer: Uint8Array, packId: string, packBytes: number): number {
  const buffer = asBuffer(trailer)
  const name = packKey(packId)
  if (buffer.length !== packTrailerBytes || !buffer.subarray(12).equals(tailMagic))
    throw damaged(name, 'it does not end as a pack: it is truncated')
  const footerBytes = buffer.readUInt32LE(0)
  if (buffer.readUInt32LE(4) !== 0 || buffer.readUInt32LE(8) !== 0) throw damaged(name, 'its trailer is altered')
  if (footerBytes > maxFooterBytes || footerBytes > packBytes - packHeaderBytes - packTrailerBytes) {
    throw damaged(name, 'its footer is said to be larger than the pack')
  }
  return footerBytes
}

/** Opens a footer and checks that every chunk it lists lies within the frames. */
export function decodePackFooter(
  sealed: Buffer,
  header: Uint8Array,
  packId: string,
  framesEnd: number,
  context: EnvelopeContext,
): PackFooter {
  const name = packKey(packId)
  const payload = openEnvelope(name, sealed, context)
  if (!payload.subarray(0, packHeaderBytes).equals(asBuffer(header)))
    throw damaged(name, 'its header and its footer disagree')
  if (payload.length < packHeaderBytes + 8) throw damaged(name, 'its footer is truncated')
  const chainBytes = payload.readUInt32LE(packHeaderBytes)
  if (packHeaderBytes + 8 + chainBytes > payload.length) throw damaged(name, 'its footer has the wrong length')
  let at = packHeaderBytes + 4
  const chain = readChain(name, payload.subarray(at, at + chainBytes))
  at += chainBytes
  const count = payload.readUInt32LE(at)
  at += 4
  if (at + count * recordBytes !== payload.length) throw damaged(name, 'its footer has the wrong length')
  const chunks: PackChunk[] = []
  for (let i = 0; i < count; i++, at += recordBytes) {
    const chunk: PackChunk = {
      id: Buffer.from(payload.subarray(at, at + chunkIdBytes)),
      frameOffset: payload.readUInt32LE(at + chunkIdBytes),
      frameBytes: payload.readUInt32LE(at + chunkIdBytes + 4),
      plainOffset: payload.readUInt32LE(at + chunkIdBytes + 8),
      plainBytes: payload.readUInt32LE(at + chunkIdBytes + 12),
    }
    if (chunk.frameOffset < packHeaderBytes || chunk.frameOffset + chunk.frameBytes > framesEnd) {
      throw damaged(name, 'its footer lists a chunk outside the pack')
    }
    chunks.push(chunk)
  }
  return { chain, chunks }
}

function readChain(name: string, bytes: Buffer): readonly StoredTransform[] {
  let parsed: unknown
  try {
    parsed = JSON.parse(bytes.toString('utf8'))
  } catch (error) {
    throw damaged(name, 'its chain of transforms is not JSON', error)
  }
  return parseChain(name, parsed)
}
