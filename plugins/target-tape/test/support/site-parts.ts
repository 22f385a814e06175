import { createHash } from 'node:crypto'
import { type CallOptions, type Clock, type Logger, objectKey, type TargetSession } from '@holdfast/core'
import type { SimulatedLibrary, TapeContent } from '@holdfast/protocol-iscsi/testing'
import { silentLogger } from '@holdfast/testkit'
import { simulatedSite } from './simulated-site.js'

export const call: CallOptions = { signal: new AbortController().signal }
export const mebibyte = 2 ** 20

/** Digests of all that is on cartridges, to see whether anybody wrote to them. */
export function contentsOf(simulated: SimulatedLibrary, barcodes: readonly string[]): Readonly<Record<string, string>> {
  const digest = (barcode: string) => {
    const hash = createHash('sha256')
    for (const object of simulated.cartridge(barcode).objects) hash.update(object === 'filemark' ? 'filemark' : object)
    return hash.digest('hex')
  }
  return Object.fromEntries(barcodes.map((barcode) => [barcode, digest(barcode)]))
}

/** Time that goes on when somebody sleeps, and when it is told to. */
export function handClock(start: string): Clock & { readonly forward: (ms: number) => void } {
  let now = new Date(start).getTime()
  const forward = (ms: number) => {
    now += ms
  }
  return {
    now: () => new Date(now),
    sleep: async (ms, { signal }) => {
      signal.throwIfAborted()
      forward(ms)
    },
    forward,
  }
}

/** Keeps the lines that warn. */
export function warnings(): { readonly logger: Logger; readonly lines: string[] } {
  const lines: string[] = []
  return { lines, logger: { ...silentLogger, warn: (message) => lines.push(message) } }
}

/** Names of the cartridges of all sets, oldest set first. */
export async function mediaOfSets(session: TargetSession): Promise<readonly (readonly string[])[]> {
  const sets = (await session.sets?.list(call)) ?? []
  return sets.map(({ media }) => media.map(({ name }) => name))
}

/** What a cartridge of another pool holds. */
export async function contentOfPool(pool: string): Promise<readonly TapeContent[]> {
  using site = simulatedSite([8 * mebibyte])
  {
    await using session = await site.open({ pool })
    await session.put(objectKey('packs/other'), bodyOf(new Uint8Array(5000).fill(5)), { ...call, isBulk: true })
    await session.sync?.(call)
  }
  return site.simulated.cartridge('TAPE01').objects
}

async function* bodyOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}
