import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { decodeCatalog } from '../src/layout/catalog.js'
import { tapeLibrary } from '../src/library/tape-library.js'
import { readLabel } from '../src/media/cartridge-label.js'
import { scanCartridge } from '../src/reading/scan-cartridge.js'
import { expectNothingLost } from './support/judgement.js'
import { ledger } from './support/ledger.js'
import { memoryClaims } from './support/memory-claims.js'
import { type SimulatedSite, simulatedSite } from './support/simulated-site.js'

const call = { signal: new AbortController().signal }
const mebibyte = 2 ** 20

/** Objects in a set whose lookup objects no cartridge has room for, all of them, beside a catalog. */
async function written(site: SimulatedSite, sessions: number) {
  const book = ledger()
  for (let at = 0; at < sessions; at += 1) {
    await using session = await site.open()
    for (let each = 0; each < 3; each += 1) await book.put(session, 'index/', 2 * mebibyte)
    await book.sync(session)
  }
  return book
}

async function mediaOf(site: SimulatedSite): Promise<readonly string[]> {
  await using session = await site.open()
  return ((await session.sets?.list(call)) ?? []).flatMap(({ media }) => media.map(({ name }) => name))
}

/** How many whole catalogs there are on a cartridge. */
async function catalogsOn(site: SimulatedSite, barcode: string): Promise<number> {
  await using devices = await site.devices()
  const library = tapeLibrary(devices.changer, devices.drives, { claims: memoryClaims(), patienceMs: 0 })
  await using mounted = await library.mount(barcode, call)
  const found = await readLabel(mounted.drive, call)
  if (found.kind !== 'label') throw new Error(`${barcode} has no label`)
  let catalogs = 0
  const onCatalog = async (bytes: AsyncIterable<Uint8Array>) => {
    if (typeof (await decodeCatalog(bytes)) !== 'string') catalogs += 1
  }
  const scan = scanCartridge(
    mounted.drive,
    found.label,
    1,
    { wants: async () => false, keep: async () => {}, onCatalog },
    call,
  )
  while ((await scan.next()).done !== true);
  return catalogs
}

describe.each([
  ['by the standards', []],
  ['as tgtd is', ['tgtd'] as const],
])('the end of a session, on drives that behave %s', (_, quirks) => {
  it('takes no cartridge for copies of lookup objects that have no room', async () => {
    using site = simulatedSite(
      [8, 8, 8, 8, 8, 8, 8].map((size) => size * mebibyte),
      { quirks },
    )
    const book = await written(site, 3)
    expect(await mediaOf(site)).toEqual(['TAPE01', 'TAPE02', 'TAPE03'])
    for (const barcode of ['TAPE01', 'TAPE02', 'TAPE03']) expect(await catalogsOn(site, barcode)).toBeGreaterThan(0)
    await expectNothingLost(site, book)
  })

  it.each([0, 600_000])('keeps what there is room for, %i bytes of early warning', async (earlyWarningBytes) => {
    using site = simulatedSite([{ sizeBytes: 11 * mebibyte, earlyWarningBytes }], { quirks })
    const book = await written(site, 1)
    rmSync(join(site.folder, 'state'), { recursive: true })
    await using session = await site.open()
    await session.library?.rebuild([], call)
    expect((await session.sets?.list(call))?.length).toBe(1)
    expect(await catalogsOn(site, 'TAPE01')).toBe(1)
    expect(book.promised.size).toBe(3)
  })
})
