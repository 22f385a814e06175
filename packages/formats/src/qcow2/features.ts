import { corrupt, ImageError } from '../image/image-error.js'
import type { HeaderExtensions } from './header-extensions.js'

/** Feature bits of an image (spec: Header, bytes 72 to 95). Version 2 has none. */
export interface FeatureBits {
  readonly incompatible: bigint
  readonly compatible: bigint
  readonly autoclear: bigint
}

/** What the known feature bits say. */
export interface Features {
  /** Refcounts may be behind what is stored: their writer was not closed. */
  readonly dirty: boolean
  /** A program found damage and forbade further writes. */
  readonly markedCorrupt: boolean
  /** Clusters of the disk are in another file. */
  readonly dataFile: boolean
  /** The header names the way of compression. */
  readonly compressionType: boolean
  /** L2 entries have 128 bits and tell subclusters. */
  readonly extendedL2: boolean
  readonly lazyRefcounts: boolean
  /** The bitmaps are as consistent as their own flags say. */
  readonly bitmaps: boolean
  /** The data file is a raw disk of its own. */
  readonly rawDataFile: boolean
}

/** A feature: which of the three masks its bit is in, and its name for people. */
export interface FeatureName {
  /** Spec, Feature name table: 0 incompatible, 1 compatible, 2 autoclear. */
  readonly type: number
  readonly bit: number
  readonly name: string
}

const incompatibleFeature = 0
const compatibleFeature = 1
const autoclearFeature = 2

/** Bit of `incompatible_features` that says that the header names the way of compression. */
export const compressionTypeBit = 3

/** All features that are known, under the names that QEMU gives them too. */
export const knownFeatures: readonly FeatureName[] = [
  { type: incompatibleFeature, bit: 0, name: 'dirty bit' },
  { type: incompatibleFeature, bit: 1, name: 'corrupt bit' },
  { type: incompatibleFeature, bit: 2, name: 'external data file' },
  { type: incompatibleFeature, bit: compressionTypeBit, name: 'compression type' },
  { type: incompatibleFeature, bit: 4, name: 'extended L2 entries' },
  { type: compatibleFeature, bit: 0, name: 'lazy refcounts' },
  { type: autoclearFeature, bit: 0, name: 'bitmaps' },
  { type: autoclearFeature, bit: 1, name: 'raw external data' },
]

/** Understands feature bits. @throws ImageError `unsupported` for incompatible ones that are not known */
export function parseFeatures(bits: FeatureBits, { featureNames }: HeaderExtensions, file: string): Features {
  assertKnown(bits.incompatible, featureNames, file)
  const has = (mask: bigint, bit: number) => ((mask >> BigInt(bit)) & 1n) === 1n
  const features: Features = {
    dirty: has(bits.incompatible, 0),
    markedCorrupt: has(bits.incompatible, 1),
    dataFile: has(bits.incompatible, 2),
    compressionType: has(bits.incompatible, compressionTypeBit),
    extendedL2: has(bits.incompatible, 4),
    lazyRefcounts: has(bits.compatible, 0),
    bitmaps: has(bits.autoclear, 0),
    rawDataFile: has(bits.autoclear, 1),
  }
  if (features.rawDataFile && !features.dataFile)
    throw corrupt('the header says that the external data file is raw, but that there is none', file, autoclearAt)
  return features
}

const incompatibleAt = 72
const autoclearAt = 88

function assertKnown(incompatible: bigint, named: readonly FeatureName[], file: string): void {
  const unknown: string[] = []
  for (let bit = 0; bit < 64; bit++) {
    if (((incompatible >> BigInt(bit)) & 1n) === 0n) continue
    const is = (feature: FeatureName) => feature.type === incompatibleFeature && feature.bit === bit
    if (knownFeatures.some(is)) continue
    const name = named.find(is)?.name
    unknown.push(name === undefined ? `bit ${bit}` : `${name} (bit ${bit})`)
  }
  if (unknown.length === 0) return
  throw new ImageError('unsupported', `The image uses features that are not known: ${unknown.join(', ')}`, {
    file,
    offset: incompatibleAt,
    hint: 'Convert it with the program that made it: qemu-img convert -O qcow2.',
  })
}
