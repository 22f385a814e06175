import type { CallOptions } from '../contract/context.js'
import { isBackupError } from '../contract/errors.js'
import type { TransformPlugin } from '../contract/transform.js'
import { fromHex, sameBytes, toHex } from './bytes.js'
import { type ChunkIdentity, chunkHasher } from './chunk-id.js'
import type { ChunkIndex, ChunkLocation, IndexedPack } from './chunk-index.js'
import { type ChainLink, type CodecChain, type FramePack, loadCodecChain, resolveChain } from './codec-chain.js'
import { damaged } from './damage.js'
import { type DataKeyring, packKeyBytes } from './data-key.js'
import type { ReadChunk } from './disk-tree-reader.js'
import { type FrameChunk, maxPlainFrameBytes, readFrameTable } from './frame.js'
import { packKey } from './layout.js'
import { readRange } from './object-reader.js'
import type { ObjectStore } from './object-store.js'
import { framePackOf } from './pack-writer.js'

/** What decoding needs to know of a pack: its chain here and its keys. Plain data, so it can go to a worker. */
export interface PackDecoding {
  readonly links: readonly ChainLink[]
  readonly framePack: FramePack
}

/** Finds chain and keys of a pack. @throws BackupError `E_TRANSFORM`, `E_KEY_MISSING`, `E_DAMAGED` */
export function packDecoding(
  pack: IndexedPack,
  offered: readonly TransformPlugin[],
  keyring: DataKeyring | undefined,
): PackDecoding {
  const links = resolveChain(pack.chain, offered)
  const dataKey = pack.dataKeyId === '' ? undefined : keyring?.byId(fromHex(pack.dataKeyId))
  if (pack.dataKeyId !== '' && dataKey === undefined)
    throw damaged(packKey(pack.id), 'it names a data key that this repository does not have')
  const packId = fromHex(pack.id)
  return {
    links,
    framePack: framePackOf(packId, links, (purpose) =>
      dataKey === undefined ? undefined : packKeyBytes(dataKey, packId, purpose),
    ),
  }
}

/** Decoded frames kept at hand: nodes of one tree tend to share a frame. */
const cachedFrames = 24

/** Frames of nodes are small; data frames are not cached. */
const cachedFrameBytes = 2 ** 19

/** More than all transforms of a chain may add to a frame. */
const frameSlackBytes = 2 ** 20

/** Makes the function that fetches one chunk at a time, in this thread: for trees, single files and spot checks. */
export function chunkReader(
  store: ObjectStore,
  index: Pick<ChunkIndex, 'find'>,
  identity: ChunkIdentity,
  offered: readonly TransformPlugin[],
  keyring: DataKeyring | undefined,
): ReadChunk {
  const chains = new Map<string, Promise<CodecChain>>()
  const frames = new Map<string, Uint8Array>()
  const scratch = new Uint8Array(maxPlainFrameBytes)
  const hash = chunkHasher(identity)

  const chainOf = (links: readonly ChainLink[]): Promise<CodecChain> => {
    const name = JSON.stringify(links)
    const known = chains.get(name) ?? loadCodecChain(links)
    chains.set(name, known)
    return known
  }

  const frameOf = async (location: ChunkLocation, options: CallOptions): Promise<Uint8Array> => {
    const name = `${location.packInfo.id}/${location.frameOffset}`
    const cached = frames.get(name)
    if (cached !== undefined) {
      frames.delete(name)
      frames.set(name, cached)
      return cached
    }
    const { links, framePack } = packDecoding(location.packInfo, offered, keyring)
    const chain = await chainOf(links)
    const key = packKey(location.packInfo.id)
    if (location.frameBytes > maxPlainFrameBytes + frameSlackBytes) {
      throw damaged(key, `a frame is said to have ${location.frameBytes} bytes`)
    }
    const encoded = new Uint8Array(location.frameBytes)
    await readRange(store, key, location.frameOffset, encoded, options)
    const plain = decodeNamed(key, () => chain.decode(encoded, scratch, framePack)).slice()
    if (plain.byteLength <= cachedFrameBytes) frames.set(name, plain)
    for (const oldest of frames.keys()) {
      if (frames.size <= cachedFrames) break
      frames.delete(oldest)
    }
    return plain
  }

  return async (id, options) => {
    const location = index.find(id)
    if (location === undefined) throw damaged(`chunk ${toHex(id)}`, 'no index lists it')
    const plain = await frameOf(location, options)
    const chunk = chunkInFrame(packKey(location.packInfo.id), plain, location, id)
    if (!sameBytes(hash(chunk), id))
      throw damaged(packKey(location.packInfo.id), `chunk ${toHex(id)} has other content`)
    return chunk
  }
}

/** Takes a chunk out of its decoded frame after checking that the frame says it is there. */
function chunkInFrame(
  object: string,
  plain: Uint8Array,
  place: { readonly plainOffset: number; readonly plainBytes: number },
  id: Uint8Array,
): Uint8Array {
  const listed = frameChunks(object, plain).find((chunk) => chunk.offset === place.plainOffset)
  if (listed === undefined || listed.length !== place.plainBytes || !sameBytes(listed.id, id)) {
    throw damaged(object, `the frame that should hold chunk ${toHex(id)} holds another`)
  }
  return plain.subarray(listed.offset, listed.offset + listed.length)
}

/** Reads a frame's table, naming the pack when it is damaged. */
function frameChunks(object: string, plain: Uint8Array): readonly FrameChunk[] {
  const chunks = readFrameTable(plain)
  if (chunks === undefined) throw damaged(object, 'a frame decodes to something that is no frame')
  return chunks
}

/** Gives damage that a codec found the name of the pack it is in. */
function decodeNamed<T>(object: string, decode: () => T): T {
  try {
    return decode()
  } catch (error) {
    if (isBackupError(error) && error.code === 'E_DAMAGED')
      throw damaged(object, `a frame does not decode (${error.message})`, error)
    throw error
  }
}
