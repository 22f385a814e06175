import { isNbdError, NbdError } from '../nbd-error.js'
import { chunkType, command, commandFlag } from '../wire/constants.js'
import { type ErrnoName, isErrnoName } from '../wire/errno.js'
import {
  encodeBlockStatus,
  encodeChunk,
  encodeChunkHeader,
  encodeDataOffset,
  encodeError,
  encodeHole,
  encodeSimpleReply,
  type StatusExtent,
} from '../wire/replies.js'
import type { RequestHeader } from '../wire/requests.js'
import type { ExtentsOf, NbdExportCall } from './nbd-export.js'
import type { Agreement } from './negotiate.js'
import { readParts } from './read-parts.js'

/** The bytes of a reply, in pieces. */
export type Reply = readonly Uint8Array[]

/**
 * Carries out a request that was checked.
 *
 * @param buffer The data of a write, or room for that of a read.
 * @throws what the export throws
 */
export async function execute(
  request: RequestHeader,
  { disk, hasStructuredReplies, contexts }: Agreement,
  buffer: Uint8Array,
  call: NbdExportCall,
): Promise<Reply> {
  const { offset, lengthBytes, flags, cookie } = request
  const done = [encodeSimpleReply(cookie)]
  const isThrough = (flags & commandFlag.fua) !== 0
  switch (request.command) {
    case command.read: {
      if (hasStructuredReplies) return await readChunks(request, disk, buffer, call)
      if (lengthBytes > 0) await disk.read(offset, buffer, call)
      return [encodeSimpleReply(cookie), buffer]
    }
    case command.write:
      if (lengthBytes > 0) await disk.write?.(offset, buffer, call)
      break
    case command.trim:
      if (lengthBytes > 0) await disk.trim?.(offset, lengthBytes, call)
      break
    case command.writeZeroes: {
      const how = { ...call, noHole: (flags & commandFlag.noHole) !== 0, fast: (flags & commandFlag.fastZero) !== 0 }
      if (lengthBytes > 0) await disk.writeZeroes?.(offset, lengthBytes, how)
      break
    }
    case command.flush:
      await disk.flush?.(call)
      return done
    default: {
      const chunks: Uint8Array[] = []
      for (const { id, extentsOf } of contexts) {
        const isLast = id === contexts.at(-1)?.id
        const extents = await extentsWithin(request, extentsOf, call)
        chunks.push(encodeChunk({ cookie, type: chunkType.blockStatus, isLast }, encodeBlockStatus(id, extents)))
      }
      return chunks
    }
  }
  if (isThrough) await disk.flush?.(call)
  return done
}

async function readChunks(
  { offset, lengthBytes, flags, cookie }: RequestHeader,
  disk: Agreement['disk'],
  buffer: Uint8Array,
  call: NbdExportCall,
): Promise<Reply> {
  if (lengthBytes === 0) return [encodeChunkHeader({ cookie, type: chunkType.none, isLast: true }, 0)]
  const isWhole = (flags & commandFlag.dontFragment) !== 0
  const parts = isWhole
    ? [{ offset, length: lengthBytes, isZero: false }]
    : await readParts(disk, offset, lengthBytes, call)
  const pieces: Uint8Array[] = []
  for (const part of parts) {
    const isLast = part === parts.at(-1)
    if (part.isZero) {
      pieces.push(encodeChunk({ cookie, type: chunkType.offsetHole, isLast }, encodeHole(part.offset, part.length)))
      continue
    }
    const data = buffer.subarray(part.offset - offset, part.offset - offset + part.length)
    await disk.read(part.offset, data, call)
    pieces.push(encodeChunkHeader({ cookie, type: chunkType.offsetData, isLast }, 8 + data.length))
    pieces.push(encodeDataOffset(part.offset), data)
  }
  return pieces
}

/** Most extents of one reply: a client asks again, and one that does not read replies must not pile up much. */
const maxReplyExtents = 2 ** 14

/** Asks an export about a range; what it answers beyond the range or the protocol is cut off. */
async function extentsWithin(
  { offset, lengthBytes, flags }: RequestHeader,
  extentsOf: ExtentsOf,
  call: NbdExportCall,
): Promise<readonly StatusExtent[]> {
  const wanted = (flags & commandFlag.requestOne) !== 0 ? 1 : maxReplyExtents
  const extents: StatusExtent[] = []
  let left = lengthBytes
  for (const { length, flags: state } of await extentsOf(offset, lengthBytes, call)) {
    if (left === 0 || extents.length === wanted || !(length > 0)) break
    extents.push({ length: Math.min(length, left), flags: state })
    left -= Math.min(length, left)
  }
  if (extents.length === 0) throw new NbdError('io', 'The export tells no extents.', { errno: 'EIO' })
  return extents
}

/** Makes the reply to a request that failed. Spec: "Error values". */
export function errorReply(
  { cookie, ...request }: RequestHeader,
  hasStructuredReplies: boolean,
  errno: ErrnoName,
): Reply {
  const needsChunk = request.command === command.read || request.command === command.blockStatus
  if (!hasStructuredReplies || !needsChunk) return [encodeSimpleReply(cookie, errno)]
  return [encodeChunk({ cookie, type: chunkType.error, isLast: true }, encodeError(errno))]
}

/** Numbers of system errors that NBD has under another name. */
const likeOthers = new Map<unknown, ErrnoName>([
  ['EACCES', 'EPERM'],
  ['EROFS', 'EPERM'],
  ['EDQUOT', 'ENOSPC'],
  ['EFBIG', 'ENOSPC'],
  ['EOPNOTSUPP', 'ENOTSUP'],
])

/** Tells which number stands for what an export threw. */
export function errnoOf(error: unknown): ErrnoName {
  if (isNbdError(error)) return error.errno ?? (error.code === 'out-of-range' ? 'EINVAL' : 'EIO')
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
  return isErrnoName(code) ? code : (likeOthers.get(code) ?? 'EIO')
}
