import type { CodecModule, FrameContext, TransformCodec, TransformPlugin } from '@holdfast/core'
import { seededBytes } from '../../images/seeded-random.js'
import type { Check, CheckEnvironment } from '../check.js'
import { expectBytes, expectThat, fail } from '../expect.js'

/** What a check of a transform works with. */
export type TransformCheckEnvironment = CheckEnvironment<'transform'>

/** A check of a transform. */
export type TransformCheck = Check<'transform'>

/** Largest frame of the contract. */
export const maxFrameBytes = 4 * 1024 * 1024

/** Loads a fresh codec as a worker does: from the module's URL, with parameters that went through JSON. */
export async function loadCodec(plugin: TransformPlugin): Promise<TransformCodec> {
  const module: Partial<CodecModule> = await import(plugin.module)
  if (typeof module.createCodec !== 'function') fail(`${plugin.module} exports no createCodec.`)
  return module.createCodec(JSON.parse(JSON.stringify(plugin.parameters)), plugin.version)
}

/** Makes what a codec knows of a frame; with a key for keyed transforms. */
export function frameContext(plugin: TransformPlugin, sequence = 7, pack = 'packs/ab/abcdef 0'): FrameContext {
  const associatedData = new TextEncoder().encode(pack)
  return plugin.capabilities.keyed
    ? { sequence, associatedData, key: seededBytes(32, 200) }
    : { sequence, associatedData }
}

/** Encodes into an output of exactly the room that the contract gives; `undefined` leaves the frame as it is. */
export function encodeFrame(
  plugin: TransformPlugin,
  codec: TransformCodec,
  input: Uint8Array,
  context: FrameContext,
): Uint8Array | undefined {
  const guarded = guardedBuffer(input.length + plugin.capabilities.overheadBytes)
  const length = codec.encode(input, guarded.room, context)
  guarded.expectIntact('encode')
  if (length === undefined) return undefined
  const fits = Number.isInteger(length) && length >= 0 && length <= guarded.room.length
  expectThat(
    fits,
    `encode of ${input.length} bytes returned the length ${length}; there was room for ${guarded.room.length}.`,
  )
  return guarded.room.slice(0, length)
}

/** Decodes into an output of the original size and compares. */
export function expectDecoded(
  codec: TransformCodec,
  encoded: Uint8Array,
  expected: Uint8Array,
  context: FrameContext,
  what: string,
): void {
  const guarded = guardedBuffer(expected.length)
  const length = codec.decode(encoded, guarded.room, context)
  guarded.expectIntact(`${what}: decode`)
  expectThat(length === expected.length, `${what}: decode returned the length ${length}, expected ${expected.length}.`)
  expectBytes(guarded.room, expected, what)
}

/** A buffer inside a larger one, to see whether a codec writes outside what it was given. */
export interface GuardedBuffer {
  readonly room: Uint8Array
  readonly expectIntact: (what: string) => void
}

const guardBytes = 64

/** Makes a buffer with guards on both sides. */
export function guardedBuffer(sizeBytes: number): GuardedBuffer {
  const whole = new Uint8Array(sizeBytes + 2 * guardBytes).fill(0xa5)
  return {
    room: whole.subarray(guardBytes, guardBytes + sizeBytes).fill(0),
    expectIntact: (what) => {
      const guards = [...whole.subarray(0, guardBytes), ...whole.subarray(guardBytes + sizeBytes)]
      expectThat(
        guards.every((byte) => byte === 0xa5),
        `${what} wrote outside its output.`,
      )
    },
  }
}
