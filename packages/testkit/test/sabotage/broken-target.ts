import {
  type ObjectKey,
  type PutOptions,
  type TargetCapabilities,
  type TargetPlugin,
  type TargetSession,
  wrapTarget,
} from '@holdfast/core'
import { type MemoryTarget, type MemoryTargetOptions, memoryTarget } from '../../src/memory/index.js'
import type { Sabotage } from './sabotage.js'

/** How a flaw changes a session of a memory target. */
export type Breakage = (session: TargetSession, target: MemoryTarget) => Partial<TargetSession>

/** How to build a sabotaged memory target. */
export interface BrokenTargetOptions extends MemoryTargetOptions {
  readonly capabilities?: Partial<TargetCapabilities>
}

/** Makes one row of the table: a memory target whose sessions are broken in one way. */
export function brokenTarget(
  flaw: string,
  caughtBy: string,
  because: RegExp,
  breakage: Breakage,
  { capabilities, ...options }: BrokenTargetOptions = {},
): Sabotage<'target'> {
  return {
    flaw,
    caughtBy,
    because,
    environment: () => {
      const target = memoryTarget(options)
      const broken: TargetPlugin = wrapTarget(
        target,
        (session) => ({ ...session, ...breakage(session, target) }),
        capabilities,
      )
      return { create: () => broken, storeInProcess: true }
    },
  }
}

/** Collects a body the way a correct target does. */
export async function collected(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  for await (const piece of body) pieces.push(piece.slice())
  return Buffer.concat(pieces)
}

/** A body of bytes that are already there. */
export async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

/** A `put` that works on collected bytes. */
export function putCollected(
  store: (key: ObjectKey, bytes: Uint8Array, options: PutOptions) => Promise<void>,
): TargetSession['put'] {
  return async (key, body, options) => store(key, await collected(body), options)
}
