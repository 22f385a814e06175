import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { isBackupError, type TargetSession } from '@holdfast/core'
import { expect } from 'vitest'
import { tapeLibrary } from '../../src/library/tape-library.js'
import { readLabel } from '../../src/media/cartridge-label.js'
import { scanCartridge } from '../../src/reading/scan-cartridge.js'
import type { LibraryDevices } from '../../src/transport/library-devices.js'
import { isCleaning } from '../../src/writing/candidates.js'
import { digestOf, type Ledger } from './ledger.js'
import { memoryClaims } from './memory-claims.js'

const call = { signal: new AbortController().signal }

/** A library, and targets of it that can be opened. */
export interface JudgedSite {
  readonly folder: string
  readonly open: () => Promise<TargetSession>
  readonly devices: () => Promise<LibraryDevices>
}

/** What of the judgement does not apply. */
export interface Exceptions {
  /** Objects that lie where the tape is damaged. */
  readonly lost?: readonly string[]
  /** Cartridges that cannot be read to their end. */
  readonly damaged?: readonly string[]
  /** No cartridge is left that could be written to. */
  readonly isUsedUp?: boolean
}

/**
 * Judges what is left after something went wrong: all that was promised is there, byte for byte, with the catalog and without; nothing is
 * listed that is not whole; every cartridge can be read to its end; and writing goes on.
 */
export async function expectNothingLost(site: JudgedSite, ledger: Ledger, exceptions: Exceptions = {}): Promise<void> {
  await expectContent(site, ledger, exceptions)
  await expectReadableToTheEnd(site, exceptions)
  await goOn(site, ledger, exceptions)
  await expectContent(site, ledger, exceptions)
  rmSync(join(site.folder, 'state'), { recursive: true })
  {
    await using session = await site.open()
    await session.library?.rebuild([], call)
  }
  await expectContent(site, ledger, exceptions)
  await goOn(site, ledger, exceptions)
  await expectContent(site, ledger, exceptions)
  await expectReadableToTheEnd(site, exceptions)
}

async function goOn(site: JudgedSite, ledger: Ledger, { isUsedUp = false }: Exceptions): Promise<void> {
  if (isUsedUp) return
  await using session = await site.open()
  await ledger.put(session, 'packs/on/', 300_000)
  await ledger.put(session, 'points/', 1000)
  await ledger.sync(session)
}

/** Reads all sets of the pool. */
export async function expectContent(
  { open }: Pick<JudgedSite, 'open'>,
  { given, promised }: Ledger,
  { lost = [] }: Exceptions = {},
): Promise<void> {
  await using session = await open()
  const found = new Map<string, string>()
  for (const { id } of (await session.sets?.list(call)) ?? []) {
    const opened = await session.sets?.open(id, call)
    if (opened === undefined) continue
    await using reading = opened
    const keys: string[] = []
    for await (const { key } of reading.list('', call)) keys.push(key)
    for (const key of keys) if (!lost.includes(key)) found.set(key, await digestOf(reading, key))
  }
  const altered = [...found].filter(([key, digest]) => given.get(key) !== digest).map(([key]) => key)
  expect(altered, 'listed, and not what was put').toEqual([])
  const missing = [...promised].filter((key) => !found.has(key) && !lost.includes(key))
  expect(missing, 'promised, and not there').toEqual([])
}

async function expectReadableToTheEnd(site: JudgedSite, { damaged = [] }: Exceptions): Promise<void> {
  await using devices = await site.devices()
  const library = tapeLibrary(devices.changer, devices.drives, { claims: memoryClaims(), patienceMs: 0 })
  for (const { barcode, kind } of await library.places(call)) {
    if (barcode === undefined || kind === 'mail' || isCleaning(barcode) || damaged.includes(barcode)) continue
    await using mounted = await library.mount(barcode, call)
    // Nothing was ever stored on what has no label, or half of one.
    const found = await readLabel(mounted.drive, call).catch((error: unknown) => {
      if (!isBackupError(error) || error.code !== 'E_DAMAGED') throw error
      return { kind: 'unreadable' } as const
    })
    if (found.kind !== 'label' || found.label.set === undefined) continue
    const handlers = { wants: async () => true, keep: async () => {} }
    const scan = scanCartridge(mounted.drive, found.label, 1, handlers, call)
    for (;;) {
      const { done, value } = await scan.next()
      if (done !== true) continue
      expect(value, barcode).toMatchObject({ kind: 'end' })
      break
    }
  }
}
