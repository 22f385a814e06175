import { type BlockStore, lengthOf, type StoredBlock } from './block-store.js'
import type { SimulatedCartridgeOptions } from './options.js'

/** One object of a tape. */
export type TapeObject =
  | { readonly kind: 'filemark' }
  | { readonly kind: 'block'; readonly block: StoredBlock; readonly isUnreadable: boolean }

/** A cartridge, wherever it is. */
export interface Cartridge {
  readonly barcode: string
  readonly sizeBytes: number
  readonly earlyWarningBytes: number
  readonly kind: 'data' | 'worm' | 'cleaning'
  isWriteProtected: boolean
  /** What a host that reads now would find, buffered or not. */
  readonly objects: TapeObject[]
  usedBytes: number
  /** How many of the objects a loss of power leaves. */
  flushedObjects: number
  /** Attributes that hosts wrote to its memory. */
  readonly hostAttributes: Map<number, { readonly format: number; readonly value: Uint8Array }>
  loadCount: number
  writtenBytes: number
  readBytes: number
}

/** Filemarks take little room, but some. */
const filemarkBytes = 64

/** Makes a cartridge with its content. */
export function makeCartridge(options: SimulatedCartridgeOptions, store: BlockStore): Cartridge {
  const { sizeBytes = 64 * 2 ** 20 } = options
  const cartridge: Cartridge = {
    barcode: options.barcode,
    sizeBytes,
    earlyWarningBytes: options.earlyWarningBytes ?? Math.floor(sizeBytes / 16),
    kind: options.cleaning === true ? 'cleaning' : options.worm === true ? 'worm' : 'data',
    isWriteProtected: options.writeProtected ?? false,
    objects: [],
    usedBytes: 0,
    flushedObjects: 0,
    hostAttributes: new Map(),
    loadCount: 0,
    writtenBytes: 0,
    readBytes: 0,
  }
  const content = options.content === 'foreign' ? foreignContent : (options.content ?? [])
  for (const object of content) {
    if (object === 'filemark') append(cartridge, { kind: 'filemark' }, 0)
    else append(cartridge, { kind: 'block', block: store.put(object), isUnreadable: false }, 0)
  }
  cartridge.flushedObjects = cartridge.objects.length
  return cartridge
}

const text = new TextEncoder()
const foreignContent = [
  text.encode('VOL1ELSE01'.padEnd(80)),
  'filemark',
  new Uint8Array(1000).fill(7),
  'filemark',
] as const

/** How much of the tape an object takes. */
export function sizeOnTape(object: TapeObject, overheadBytes: number): number {
  return overheadBytes + (object.kind === 'filemark' ? filemarkBytes : lengthOf(object.block))
}

/** Puts an object behind the others. */
export function append(cartridge: Cartridge, object: TapeObject, overheadBytes: number): void {
  cartridge.objects.push(object)
  cartridge.usedBytes += sizeOnTape(object, overheadBytes)
}

/** Ends the data before an object: what was behind it cannot be read any more. */
export function truncate(cartridge: Cartridge, position: number, overheadBytes: number): void {
  for (const object of cartridge.objects.splice(position)) cartridge.usedBytes -= sizeOnTape(object, overheadBytes)
  cartridge.flushedObjects = Math.min(cartridge.flushedObjects, position)
}

/** Tells whether a WORM cartridge can be written here: behind its data, or over all but the first of its last filemarks. */
export function isAppendPlace(cartridge: Cartridge, position: number): boolean {
  const lastBlock = cartridge.objects.findLastIndex((object) => object.kind === 'block')
  return position === cartridge.objects.length || position >= lastBlock + 2
}
