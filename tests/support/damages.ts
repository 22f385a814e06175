import type { MemoryTarget } from '@holdfast/testkit/memory'
import { key } from './outcome.js'
import type { SeededChoice } from './seeded.js'
import type { ObjectKind } from './vault.js'

/** One way of harming an object. */
export interface DamageCase {
  readonly name: string
  readonly apply: (target: MemoryTarget, victim: string, other: string, choice: SeededChoice) => void
}

const packHeaderBytes = 64
const packTrailerBytes = 16

function bytesOf(target: MemoryTarget, name: string): Uint8Array {
  const found = target.objects.find(key(name))
  if (found === undefined) throw new Error(`no object ${name} to harm`)
  return found.bytes
}

function truncated(name: string, lengthOf: (length: number, choice: SeededChoice) => number): DamageCase {
  return {
    name: `truncated ${name}`,
    apply: (target, victim, _, choice) => {
      const bytes = bytesOf(target, victim)
      target.objects.overwrite(key(victim), bytes.slice(0, Math.max(0, lengthOf(bytes.length, choice))))
    },
  }
}

/** Flips one bit at the place that `at` gives. */
function flipped(name: string, at: (bytes: Uint8Array, choice: SeededChoice) => number, bit?: number): DamageCase {
  return {
    name: `bit flipped ${name}`,
    apply: (target, victim, _, choice) => {
      const bytes = Uint8Array.from(bytesOf(target, victim))
      const place = at(bytes, choice)
      bytes[place] = (bytes[place] ?? 0) ^ (1 << (bit ?? choice.below(8)))
      target.objects.overwrite(key(victim), bytes)
    },
  }
}

const removed: DamageCase = { name: 'removed', apply: (target, victim) => target.objects.drop(key(victim)) }

const swapped: DamageCase = {
  name: 'swapped with another',
  apply: (target, victim, other) => {
    const mine = bytesOf(target, victim)
    target.objects.overwrite(key(victim), bytesOf(target, other))
    target.objects.overwrite(key(other), mine)
  },
}

const replaced: DamageCase = {
  name: 'replaced by another',
  apply: (target, victim, other) => target.objects.overwrite(key(victim), bytesOf(target, other)),
}

const appended: DamageCase = {
  name: 'one byte longer',
  apply: (target, victim) => {
    const bytes = bytesOf(target, victim)
    const longer = new Uint8Array(bytes.length + 1)
    longer.set(bytes)
    target.objects.overwrite(key(victim), longer)
  },
}

const general: readonly DamageCase[] = [
  truncated('to nothing', () => 0),
  truncated('to one byte', () => 1),
  truncated('to half', (length) => Math.floor(length / 2)),
  truncated('at random', (length, choice) => choice.below(length)),
  truncated('by one byte', (length) => length - 1),
  appended,
  flipped('in the first byte', () => 0),
  flipped('in the header', (_, choice) => choice.below(40)),
  flipped('in the middle', (bytes) => Math.floor(bytes.length / 2)),
  flipped('in the last byte', (bytes) => bytes.length - 1),
  flipped('at random', (bytes, choice) => choice.below(bytes.length)),
  removed,
  replaced,
]

function footerStart(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return bytes.length - packTrailerBytes - view.getUint32(bytes.length - packTrailerBytes, true)
}

const ofPacks: readonly DamageCase[] = [
  truncated('within the header', () => 30),
  truncated('to its frames', (length) => length - packTrailerBytes),
  flipped('in the magic', () => 0),
  flipped('in the version', () => 4),
  flipped('in the kind', () => 5, 0),
  flipped('in what is reserved', () => 6),
  flipped('in the pack id', () => 8),
  flipped('in the repository id', () => 24),
  flipped('in the data key id', () => 40),
  flipped('at the end of the header', () => packHeaderBytes - 1),
  flipped('in a frame length', () => packHeaderBytes),
  flipped('in a frame sequence (high)', () => packHeaderBytes + 7),
  flipped('in a frame sequence (low)', () => packHeaderBytes + 4, 0),
  flipped('in a frame mask (known)', () => packHeaderBytes + 8, 0),
  flipped('in a frame mask (unknown)', () => packHeaderBytes + 8, 5),
  flipped('in a frame mask (highest)', () => packHeaderBytes + 11, 7),
  flipped('in a frame payload', () => packHeaderBytes + 40),
  flipped('in the last frame', (bytes) => footerStart(bytes) - 9),
  flipped('at the footer start', (bytes) => footerStart(bytes)),
  flipped(
    'in the footer',
    (bytes) => footerStart(bytes) + Math.floor((bytes.length - packTrailerBytes - footerStart(bytes)) / 2),
  ),
  flipped('in the footer length', (bytes) => bytes.length - packTrailerBytes, 1),
  flipped('in the trailer', (bytes) => bytes.length - 9),
]

/** Everything that is done to an object of a kind. */
export function damagesOf(kind: ObjectKind): readonly DamageCase[] {
  switch (kind) {
    case 'data pack':
    case 'tree pack':
      return [...general, swapped, ...ofPacks]
    case 'hold':
      return [removed, appended]
    case 'description':
    case 'description copy':
    case 'key':
    case 'key copy':
      return [...general, flipped('in the third quarter', (bytes) => Math.floor((bytes.length * 3) / 4))]
    case 'index':
    case 'point':
    case 'point copy':
    case 'verification':
    case 'condemned':
    case 'writer':
      return [...general, swapped]
  }
}
