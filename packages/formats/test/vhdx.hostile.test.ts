import { vhdxCodec } from '../src/vhdx/index.js'
import { describeHostile, type HostileSeed } from './support/hostile.js'
import { vhdxFields } from './support/vhdx-fields.js'
import { guidOf, sealVhdx, type VhdxVector, vhdxImage } from './support/vhdx-image.js'
import { dirtyVhdxOldLog, setLogId, writeLogEntry } from './support/vhdx-log.js'

const mebibyte = 2 ** 20
const noise = (length: number) => Uint8Array.from({ length }, (_, at) => (at * 97) ^ (at >> 8))

const parent = vhdxImage({
  diskBytes: 65_536,
  sectorBytes: 4096,
  dataWriteId: guidOf(7),
  blocks: [{ block: 0, state: 6, data: noise(65_536) }],
})

/** Every structure there is: a parent, a partial block with its bitmap, and a log to replay, which changes nothing. */
const child = vhdxImage({
  diskBytes: 65_536,
  sectorBytes: 4096,
  logBytes: mebibyte,
  flags: 2,
  locator: [
    ['parent_linkage', `{${guidOf(7)}}`],
    ['relative_path', '.\\parent.vhdx'],
    ['absolute_win32_path', '\\\\?\\d:\\disks\\parent.vhdx'],
  ],
  blocks: [{ block: 0, state: 7, data: noise(65_536), sectors: [0, 2, 3, 9, 15] }],
})
setLogId(child.bytes)
writeLogEntry(child.bytes, {
  sector: 0,
  sequence: 7n,
  tail: 0,
  changes: [
    { at: child.batAt + 4096, bytes: new Uint8Array(4096) },
    { at: child.batAt + 8192, zeros: 8192 },
  ],
})

const plain = vhdxImage({
  diskBytes: mebibyte + 65_536,
  flags: 1,
  blocks: [
    { block: 0, state: 2 },
    { block: 1, state: 6, data: noise(65_536) },
  ],
})

const logged = vhdxImage({
  diskBytes: 2 * mebibyte + 65_536,
  logBytes: mebibyte,
  blocks: [
    { block: 0, state: 3 },
    { block: 2, state: 6, data: noise(65_536) },
  ],
})

/** Damage to one copy of the region table must reach the reader, so both are made alike first. */
function seal(bytes: Uint8Array): void {
  bytes.copyWithin(256 * 1024, 192 * 1024, 256 * 1024)
  sealVhdx(bytes)
}

function seed(
  name: string,
  { batAt, metadataAt, logAt }: VhdxVector,
  bytes: Uint8Array,
  logSectors: readonly number[],
): HostileSeed {
  const places: readonly (readonly [offset: number, length: number])[] = [
    [0, 64],
    [64 * 1024, 80],
    [128 * 1024, 80],
    [192 * 1024, 80],
    [256 * 1024, 80],
    [batAt, 64],
    [metadataAt, 32 * 8],
    [metadataAt + 64 * 1024, 400],
    ...logSectors.map((sector) => [logAt + sector * 4096, 160] as const),
  ]
  return {
    name,
    bytes,
    others: { '.\\parent.vhdx': parent.bytes },
    structures: places.map(([offset, length]) => ({ offset, length })),
    seal,
  }
}

describeHostile({
  name: 'vhdx',
  codec: vhdxCodec,
  seeds: async () => [
    seed('differencing, dirty log', child, child.bytes, [0, 1]),
    seed('fixed', plain, plain.bytes, []),
    seed('dynamic, old dirty log', logged, dirtyVhdxOldLog(logged.bytes), [100, 101, 250, 251, 253, 254, 255, 0]),
    seed('4 KiB sectors', parent, parent.bytes, []),
  ],
  fields: vhdxFields(child),
})
