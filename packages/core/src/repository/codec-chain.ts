import { Buffer } from 'node:buffer'
import { crc32 } from 'node:zlib'
import { BackupError, isBackupError } from '../contract/errors.js'
import type {
  CodecModule,
  CodecParameters,
  FrameContext,
  TransformCodec,
  TransformPlugin,
} from '../contract/transform.js'
import { copyBytes } from './bytes.js'
import { damaged } from './damage.js'
import { maxPlainFrameBytes } from './frame.js'
import type { FramePlace, PackRoom } from './pack-room.js'

/** A transform as stored with the data: enough to find and make its codec again. */
export interface StoredTransform {
  readonly id: string
  readonly version: number
  readonly parameters: CodecParameters
  readonly keyed: boolean
  readonly authenticates: boolean
}

/** A stored transform with the module that implements it here; plain data, so it can go to a worker. */
export interface ChainLink extends StoredTransform {
  readonly module: string
  readonly overheadBytes: number
  readonly exactOverhead: boolean
}

/** Bytes of the header in front of each encoded frame. */
const frameHeaderBytes = 12

/** Identity and keys of the pack a frame is in. */
export interface FramePack {
  readonly packId: Uint8Array
  /** One key a link of the chain; absent for links without key. */
  readonly keys: readonly (Uint8Array | undefined)[]
}

/** Encodes and decodes whole frames through a chain of transforms; one instance a thread and chain. Disposal frees what the codecs hold. */
export interface CodecChain extends Disposable {
  /**
   * Encodes `plain` into the next place in a pack's room, behind a frame header. Destroys nothing of `plain`.
   *
   * When it throws, the room may have a gap: the pack must be given up.
   */
  readonly encode: (plain: Uint8Array, room: PackRoom, sequence: number, pack: FramePack) => FramePlace
  /** Decodes one encoded frame (header included) into `output`, with room for any plain frame, and returns that part of it. */
  readonly decode: (encoded: Uint8Array, output: Uint8Array, pack: FramePack) => Uint8Array
}

/** Largest encoded frame of a chain, header included. */
export function maxEncodedFrameBytes(links: readonly ChainLink[]): number {
  return links.reduce((sum, link) => sum + link.overheadBytes, frameHeaderBytes + maxPlainFrameBytes)
}

/** Describes a transform for storage. */
function storedTransform(plugin: TransformPlugin): StoredTransform {
  const { id, version, parameters, capabilities } = plugin
  return { id, version, parameters, keyed: capabilities.keyed, authenticates: capabilities.authenticates }
}

/** What of a chain is stored with the data. */
export function storedOf(links: readonly StoredTransform[]): readonly StoredTransform[] {
  return links.map(({ id, version, parameters, keyed, authenticates }) => ({
    id,
    version,
    parameters,
    keyed,
    authenticates,
  }))
}

/** Checks the shape of a chain that was read. @throws BackupError `E_DAMAGED` */
export function parseChain(object: string, value: unknown): readonly StoredTransform[] {
  if (!Array.isArray(value) || value.length > 16 || !value.every(isStoredTransform))
    throw damaged(object, 'its chain of transforms is malformed')
  return value
}

function isStoredTransform(value: unknown): value is StoredTransform {
  const link = value as Partial<StoredTransform> | null
  return (
    typeof link === 'object' &&
    link !== null &&
    typeof link.id === 'string' &&
    typeof link.version === 'number' &&
    typeof link.parameters === 'object' &&
    link.parameters !== null &&
    typeof link.keyed === 'boolean' &&
    typeof link.authenticates === 'boolean'
  )
}

/** Describes a transform for this process. */
export function chainLink(plugin: TransformPlugin): ChainLink {
  return { ...storedTransform(plugin), ...implementation(plugin) }
}

function implementation({ module, capabilities: { overheadBytes, exactOverhead } }: TransformPlugin) {
  return { module, overheadBytes, exactOverhead }
}

/**
 * Finds the module for each stored transform among those at hand: data decides, config only offers.
 *
 * @throws BackupError `E_TRANSFORM` naming the transform that is missing or too old
 */
export function resolveChain(
  stored: readonly StoredTransform[],
  offered: readonly TransformPlugin[],
): readonly ChainLink[] {
  return stored.map((transform) => {
    const plugin = offered.find((candidate) => candidate.id === transform.id)
    if (plugin === undefined || plugin.version < transform.version) {
      const have = plugin === undefined ? 'it is not at hand' : `only version ${plugin.version} is at hand`
      throw new BackupError(
        'E_TRANSFORM',
        `The data was encoded by transform '${transform.id}' version ${transform.version}, and ${have}.`,
        {
          hint: `Install the package of '${transform.id}' and name it in a pipeline of the config.`,
        },
      )
    }
    return { ...transform, ...implementation(plugin) }
  })
}

/** Loads the codecs of a chain. */
export async function loadCodecChain(links: readonly ChainLink[]): Promise<CodecChain> {
  const codecs = await Promise.all(links.map(loadCodec))
  const room = maxEncodedFrameBytes(links)
  const scratch = [new Uint8Array(links.length > 0 ? room : 0), new Uint8Array(links.length > 1 ? room : 0)] as const
  return {
    encode: (plain, packRoom, sequence, pack) => {
      let mask = 0
      let input = plain
      let used = 0
      let place: FramePlace | undefined
      for (const [position, link] of links.entries()) {
        const exactBytes = link.exactOverhead ? input.byteLength + link.overheadBytes : undefined
        // A last step of known length writes where the frame is to lie.
        if (exactBytes !== undefined && position === links.length - 1)
          place = packRoom.claim(frameHeaderBytes + exactBytes)
        const from = input
        const into: Uint8Array = place?.bytes.subarray(frameHeaderBytes) ?? scratch[used % 2 === 0 ? 0 : 1]
        const context = frameContext(pack, sequence, mask, position)
        const length = guarded(link, 'encode', () => codecOf(codecs, position).encode(from, into, context))
        if (exactBytes !== undefined && length !== exactBytes)
          throw misbehaved(link, `made ${length ?? 'no'} bytes of ${from.byteLength} although its overhead is exact`)
        if (length === undefined) {
          if (link.keyed) throw misbehaved(link, 'left a frame as it was although it is keyed')
          continue
        }
        if (length > from.byteLength + link.overheadBytes)
          throw misbehaved(link, `returned ${length} bytes for ${from.byteLength}`)
        mask |= 1 << position
        input = into.subarray(0, length)
        used++
      }
      if (place === undefined) {
        place = packRoom.claim(frameHeaderBytes + input.byteLength)
        copyBytes(input, place.bytes, frameHeaderBytes)
      }
      writeFrameHeader(place.bytes, { encodedBytes: input.byteLength, sequence, mask })
      return place
    },
    [Symbol.dispose]: () => {
      for (const codec of codecs) codec[Symbol.dispose]?.()
    },
    decode: (encoded, output, pack) => {
      const header = parseFrameHeader(encoded)
      // A bit for a transform that the chain does not have would leave the output unwritten and yet seem to decode.
      if (header.mask >= 2 ** links.length) {
        throw new BackupError('E_DAMAGED', 'A frame names transforms that its pack does not have')
      }
      let input = encoded.subarray(frameHeaderBytes, frameHeaderBytes + header.encodedBytes)
      let used = 0
      for (let position = links.length - 1; position >= 0; position--) {
        const link = links[position]
        if (link === undefined || (header.mask & (1 << position)) === 0) {
          if (link?.keyed === true)
            throw new BackupError('E_DAMAGED', `A frame that '${link.id}' must have encoded was not`)
          continue
        }
        const last = lowestBit(header.mask) === position
        const into = last ? output : scratch[used % 2 === 0 ? 0 : 1]
        const maskBefore = header.mask & ((1 << position) - 1)
        const from = input
        const length = guarded(link, 'decode', () =>
          codecOf(codecs, position).decode(from, into, frameContext(pack, header.sequence, maskBefore, position)),
        )
        input = into.subarray(0, length)
        used++
      }
      if (header.mask !== 0) return input
      if (input.byteLength > output.byteLength) throw new BackupError('E_DAMAGED', 'A frame is larger than any frame')
      copyBytes(input, output, 0)
      return output.subarray(0, input.byteLength)
    },
  }
}

/** What stands in front of an encoded frame. Spec: "Frames". */
export interface FrameHeader {
  readonly encodedBytes: number
  readonly sequence: number
  readonly mask: number
}

function writeFrameHeader(output: Uint8Array, header: FrameHeader): void {
  const view = new DataView(output.buffer, output.byteOffset, frameHeaderBytes)
  view.setUint32(0, header.encodedBytes, true)
  view.setUint32(4, header.sequence, true)
  view.setUint16(8, header.mask, true)
  view.setUint16(10, headerCheck(output), true)
}

/** Reads a frame header; throws when it is altered or the frame is shorter than it says. */
function parseFrameHeader(encoded: Uint8Array): FrameHeader {
  if (encoded.byteLength < frameHeaderBytes) throw new BackupError('E_DAMAGED', 'A frame is truncated')
  const view = new DataView(encoded.buffer, encoded.byteOffset, encoded.byteLength)
  if (view.getUint16(10, true) !== headerCheck(encoded))
    throw new BackupError('E_DAMAGED', 'A frame has an altered header')
  const header = {
    encodedBytes: view.getUint32(0, true),
    sequence: view.getUint32(4, true),
    mask: view.getUint16(8, true),
  }
  if (frameHeaderBytes + header.encodedBytes !== encoded.byteLength)
    throw new BackupError('E_DAMAGED', 'A frame is not as long as it says')
  return header
}

/** Half a CRC-32 of the fields: where nothing authenticates the sequence, an accident to it must show all the same. */
function headerCheck(bytes: Uint8Array): number {
  // A copy, since the CRC takes no shared memory.
  return crc32(bytes.slice(0, 10)) & 0xffff
}

/** Binds a frame to its pack, its place in it, its place in the chain, and what was done to it before. Spec: "Frames". */
function frameContext(pack: FramePack, sequence: number, maskBefore: number, position: number): FrameContext {
  const associatedData = Buffer.alloc(26)
  associatedData.set(pack.packId, 0)
  associatedData.writeUInt32LE(sequence, 16)
  associatedData.writeUInt32LE(maskBefore, 20)
  associatedData.writeUInt16LE(position, 24)
  const key = pack.keys[position]
  return key === undefined ? { sequence, associatedData } : { sequence, associatedData, key }
}

async function loadCodec(link: ChainLink): Promise<TransformCodec> {
  const module: unknown = await import(link.module)
  const createCodec = (module as Partial<CodecModule>).createCodec
  if (typeof createCodec !== 'function') throw misbehaved(link, `exports no createCodec from ${link.module}`)
  return createCodec(link.parameters, link.version)
}

function codecOf(codecs: readonly TransformCodec[], position: number): TransformCodec {
  const codec = codecs[position]
  if (codec === undefined) throw new RangeError(`no codec at ${position}`)
  return codec
}

function guarded<T>(link: ChainLink, operation: string, call: () => T): T {
  try {
    return call()
  } catch (error) {
    if (isBackupError(error)) throw error
    throw new BackupError('E_TRANSFORM', `Transform '${link.id}' failed to ${operation} a frame: ${String(error)}.`, {
      plugin: link.id,
      operation: `transform.${operation}`,
      cause: error,
    })
  }
}

function misbehaved(link: ChainLink, what: string): BackupError {
  return new BackupError('E_PLUGIN_INVALID', `Transform '${link.id}' ${what}.`, {
    plugin: link.id,
    hint: 'This is a defect of the plugin; tell its author.',
  })
}

function lowestBit(mask: number): number {
  return 31 - Math.clz32(mask & -mask)
}
