import { Buffer } from 'node:buffer'
import { endianness } from 'node:os'
import { fromHex, toHex } from './bytes.js'
import type { IndexedPack, IndexRun } from './chunk-index.js'
import { parseChain, type StoredTransform } from './codec-chain.js'
import { damaged } from './damage.js'
import { indexRecordBytes, indexRecordWords } from './index-record.js'
import { recordsAreSorted, sortRecords } from './sorted-records.js'

/** An index object lists at most this many chunks: 13 MiB. */
export const maxIndexRecords = 262_144

/** Index objects are bounded so that a hostile length cannot make us allocate. */
export const maxIndexBytes = 256 * 2 ** 20

const packEntryBytes = 32

/** Writes the payload of an index object, in parts: it is large. Spec: "Index". */
export function encodeIndex(run: IndexRun): readonly Buffer[] {
  const chains = [...new Set(run.packs.map((pack) => JSON.stringify(pack.chain)))]
  const chainJson = Buffer.from(`[${chains.join(',')}]`)
  const head = Buffer.alloc(12)
  head.writeUInt32LE(chainJson.length, 0)
  head.writeUInt32LE(run.packs.length, 4)
  head.writeUInt32LE(run.records.length / indexRecordWords, 8)
  const table = Buffer.alloc(run.packs.length * packEntryBytes)
  run.packs.forEach((pack, i) => {
    const at = i * packEntryBytes
    fromHex(pack.id).copy(table, at)
    fromHex(pack.dataKeyId).copy(table, at + 16)
    table.writeUInt32LE(pack.sizeBytes, at + 24)
    table[at + 28] = pack.kind === 'data' ? 0 : 1
    table.writeUInt16LE(chains.indexOf(JSON.stringify(pack.chain)), at + 30)
  })
  return [head, chainJson, table, littleEndian(run.records)]
}

/** Reads the payload of an index object. @throws BackupError `E_DAMAGED` */
export function decodeIndex(name: string, payload: Buffer): IndexRun {
  const fail = (what: string) => damaged(name, what)
  if (payload.length < 12) throw fail('it is truncated')
  const chainBytes = payload.readUInt32LE(0)
  const packCount = payload.readUInt32LE(4)
  const recordCount = payload.readUInt32LE(8)
  const tableAt = 12 + chainBytes
  const recordsAt = tableAt + packCount * packEntryBytes
  if (recordsAt + recordCount * indexRecordBytes !== payload.length) throw fail('its length does not fit its counts')
  if (recordCount > maxIndexRecords) throw fail('it lists more chunks than an index may')
  const chains = parseChains(name, payload.subarray(12, tableAt))
  const packs: IndexedPack[] = []
  for (let at = tableAt; at < recordsAt; at += packEntryBytes) {
    const chain = chains[payload.readUInt16LE(at + 30)]
    if (chain === undefined) throw fail('a pack names a chain that is not there')
    const dataKey = payload.subarray(at + 16, at + 24)
    packs.push({
      id: toHex(payload.subarray(at, at + 16)),
      kind: payload[at + 28] === 0 ? 'data' : 'tree',
      sizeBytes: payload.readUInt32LE(at + 24),
      dataKeyId: dataKey.every((byte) => byte === 0) ? '' : toHex(dataKey),
      chain,
    })
  }
  const records = nativeWords(payload.subarray(recordsAt))
  for (let at = 8; at < records.length; at += indexRecordWords) {
    if ((records[at] ?? 0) >= packCount) throw fail('a chunk names a pack that is not listed')
  }
  return { packs, records: recordsAreSorted(records) ? records : sortRecords(records) }
}

function parseChains(name: string, bytes: Buffer): readonly (readonly StoredTransform[])[] {
  let parsed: unknown
  try {
    parsed = JSON.parse(bytes.toString('utf8'))
  } catch (error) {
    throw damaged(name, 'its chains are not JSON', error)
  }
  if (!Array.isArray(parsed)) throw damaged(name, 'its chains are no list')
  return parsed.map((chain) => parseChain(name, chain))
}

const isLittleEndian = endianness() === 'LE'

function littleEndian(records: Uint32Array): Buffer {
  const bytes = Buffer.from(records.buffer, records.byteOffset, records.byteLength)
  return isLittleEndian ? bytes : swapPlaces(Buffer.from(bytes))
}

function nativeWords(bytes: Buffer): Uint32Array {
  const copy = Buffer.alloc(bytes.length)
  bytes.copy(copy)
  if (!isLittleEndian) swapPlaces(copy)
  return new Uint32Array(copy.buffer, copy.byteOffset, copy.length / 4)
}

/** Ids are bytes and stay; the five words behind each are swapped on big-endian machines. */
function swapPlaces(bytes: Buffer): Buffer {
  for (let at = 32; at < bytes.length; at += indexRecordBytes) bytes.subarray(at, at + 20).swap32()
  return bytes
}
