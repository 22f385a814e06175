import { type ConnectIscsiOptions, connectIscsi, type IscsiSession } from '../../src/index.js'
import {
  type FakeMisbehaviour,
  type FakeTarget,
  type FakeTargetOptions,
  startFakeTarget,
} from '../../src/testing/index.js'
import { type MemoryDisk, memoryDisk } from './memory-disk.js'

const diskBytes = 2 ** 21

/** A target with a disk, and a session with it. */
export interface Pair extends AsyncDisposable {
  readonly target: FakeTarget
  readonly session: IscsiSession
  readonly disk: MemoryDisk
}

/** Starts a target with a disk as unit 0, and logs in. */
export async function pair(
  options: FakeTargetOptions & { readonly disk?: MemoryDisk } = {},
  how: Partial<ConnectIscsiOptions> = {},
): Promise<Pair> {
  const { disk = memoryDisk(diskBytes) } = options
  const target = await startFakeTarget({ units: new Map([[0, disk]]), ...options })
  const { host, port, name } = target
  const session = await connectIscsi({ host, port, target: name, abortTimeoutMs: 30_000, ...how })
  const dispose = async () => {
    await session[Symbol.asyncDispose]()
    await target[Symbol.asyncDispose]()
  }
  return { target, session, disk, [Symbol.asyncDispose]: dispose }
}

/** Starts a target that misbehaves, and logs in. */
export async function pairWith(misbehaviour: FakeMisbehaviour, how: Partial<ConnectIscsiOptions> = {}): Promise<Pair> {
  return await pair({ misbehaviour }, how)
}

/** Bytes that differ from place to place. */
export function pattern(lengthBytes: number, seed = 1): Uint8Array {
  let state = seed
  return Uint8Array.from({ length: lengthBytes }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state >>> 24
  })
}

/** TEST UNIT READY. SPC-4, 6.47. */
export const testUnitReady = { cdb: new Uint8Array(6) }
