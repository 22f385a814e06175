import { describe, expect, it } from 'vitest'
import { faultyUnits } from './support/faulty-units.js'
import { expectContent, expectNothingLost } from './support/judgement.js'
import { failureCode, ledger } from './support/ledger.js'
import { simulatedSite } from './support/simulated-site.js'
import { call, mebibyte, mediaOfSets, warnings } from './support/site-parts.js'

const sizeBytes = 9 * mebibyte
const write = 0x0a
const writeFilemarks = 0x10
const cannotWrite = { key: 0x3, additional: 0x0c00 }
/** Blocks as ours are, and as many. */
const foreign = Array.from({ length: 30 }, () => new Uint8Array(262_144).fill(9))
/** Label, its filemark and four objects are written before. */
const someCommands = 11

describe.each([
  ['by the standards', []],
  ['as tgtd is', ['tgtd'] as const],
])('a write that fails, on drives that behave %s', (_, quirks) => {
  const written = async (fail: (site: ReturnType<typeof simulatedSite>) => void, count = 6) => {
    const site = simulatedSite([sizeBytes, sizeBytes, sizeBytes], { quirks })
    const { logger, lines } = warnings()
    const book = ledger()
    fail(site)
    await using session = await site.open({}, { logger })
    for (let at = 0; at < count; at++) await book.put(session, 'packs/00/', 600_000)
    await book.sync(session)
    return { site, book, lines, media: await mediaOfSets(session) }
  }

  it('once, costs nothing: what was written is read back, and another cartridge is used', async () => {
    const { site, book, lines, media } = await written(({ simulated }) => {
      for (const drive of [0, 1])
        simulated.failNext(drive, { opcode: write, result: cannotWrite, afterCommands: someCommands })
    })
    expect(media).toEqual([['TAPE01', 'TAPE02']])
    expect(lines.join('\n')).toContain('What was written is read back.')
    await expectNothingLost(site, book)
  })

  it('since its connection is lost, goes on with the same cartridge', async () => {
    const { site, book, media } = await written(({ simulated }) => {
      for (const drive of [0, 1])
        simulated.failNext(drive, { opcode: write, result: 'lost-after', afterCommands: someCommands })
    })
    expect(media).toEqual([['TAPE01']])
    await expectNothingLost(site, book)
  })

  it.each(['lost', 'lost-after'] as const)('in that the answer to a filemark is %s, costs nothing', async (result) => {
    const { site, book, media } = await written(({ simulated }) => {
      for (const drive of [0, 1]) simulated.failNext(drive, { opcode: writeFilemarks, result, afterCommands: 1 })
    })
    expect(media).toEqual([['TAPE01']])
    await expectNothingLost(site, book)
  })

  it('each time, ends the session with an error, after a few tries', async () => {
    const site = simulatedSite([sizeBytes, sizeBytes, sizeBytes, sizeBytes, sizeBytes, sizeBytes], { quirks })
    const book = ledger()
    {
      await using session = await site.open()
      await book.put(session, 'packs/00/', 600_000)
      await book.sync(session)
    }
    for (const drive of [0, 1]) site.simulated.failNext(drive, { opcode: write, result: cannotWrite, times: 100 })
    await using session = await site.open()
    const failing = book.put(session, 'packs/00/', 600_000).then(() => book.sync(session))
    expect(await failureCode(failing)).toMatch(/^E_(TARGET_IO|MEDIA_NEEDED)$/)
    await expectContent(site, book)
  })
})

describe('a cartridge that is changed while the connection is lost', () => {
  it('is not written to when what was written is to be saved', async () => {
    const site = simulatedSite([sizeBytes, sizeBytes])
    const { simulated } = site
    const changed = () => {
      simulated.removeByHand(simulated.cartridge('TAPE01').address ?? 0)
      simulated.insertByHand(1024, { barcode: 'TAPE01', sizeBytes, content: foreign })
    }
    const units = faultyUnits(simulated, { kind: 'power' }, 40, changed)
    const book = ledger()
    await using session = await site.openWith(units)
    for (let at = 0; at < 12; at++)
      if ((await failureCode(book.put(session, 'packs/00/', 600_000))) !== undefined) break
    expect(await failureCode(book.sync(session))).toMatch(/^E_TARGET_/)
    expect(units.hasStruck()).toBe(true)
    expect(simulated.cartridge('TAPE01').objects).toEqual(foreign)
  })
})

describe('a loss of power before the filemark', () => {
  it('loses what was not synced, says so, and nothing else', async () => {
    const site = simulatedSite([sizeBytes, sizeBytes])
    const book = ledger()
    {
      await using session = await site.open()
      await book.put(session, 'packs/00/', 600_000)
      await book.sync(session)
      for (const _ of [1, 2, 3]) await book.put(session, 'packs/00/', 1_000_000)
      await expect.poll(() => site.simulated.cartridge('TAPE01').objects.length).toBeGreaterThan(14)
      site.simulated.losePower({ halfWritten: true })
      expect(await failureCode(book.sync(session))).toMatch(/^E_TARGET_/)
    }
    expect(book.promised).toEqual(new Set(['packs/00/0']))
    await expectNothingLost(site, book)
  })
})

describe('two hosts that do not know of each other, on a drive that cannot be reserved', () => {
  it('harm each other, and what is listed afterwards is whole all the same', async () => {
    const site = simulatedSite([sizeBytes, sizeBytes, sizeBytes], { quirks: ['tgtd'], drives: 1 })
    const book = ledger()
    const codes: (string | undefined)[] = []
    {
      await using first = await site.openWith(site.simulated.initiator('one'), { state: 'one' })
      await book.put(first, 'packs/00/', 600_000)
      await book.sync(first)
      await using second = await site.openWith(site.simulated.initiator('two'), { state: 'two' })
      codes.push(await failureCode(book.put(second, 'packs/00/', 600_000).then(() => book.sync(second))))
      codes.push(await failureCode(book.put(first, 'packs/00/', 600_000).then(() => book.sync(first))))
    }
    // Neither is told: the drive says nothing of other hosts, nor of the cartridge that one of them changed.
    expect(codes).toEqual([undefined, undefined])
    {
      await using session = await site.open()
      await session.library?.rebuild([], call)
    }
    book.forget()
    await expectNothingLost(site, book, { damaged: ['TAPE02'] })
  })
})
