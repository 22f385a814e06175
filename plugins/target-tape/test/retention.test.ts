import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { TapeTargetOptions } from '../src/index.js'
import { expectContent } from './support/judgement.js'
import { failureCode, type Ledger, ledger } from './support/ledger.js'
import { type SimulatedSite, simulatedSite } from './support/simulated-site.js'
import { call, contentsOf, handClock, mebibyte, mediaOfSets, warnings } from './support/site-parts.js'

const dayMs = 24 * 3_600_000

async function run(
  site: SimulatedSite,
  book: Ledger,
  options: Partial<TapeTargetOptions>,
  context: Parameters<SimulatedSite['open']>[1],
  sizes: readonly number[] = [400_000],
): Promise<void> {
  await using session = await site.open(options, context)
  for (const size of sizes) await book.put(session, 'packs/00/', size)
  await book.sync(session)
}

describe('allocation', () => {
  it.each([
    ['continue', 1],
    ['new', 3],
    ['week', 2],
    ['month', 2],
    ['year', 1],
  ] as const)('%s makes %i sets of three sessions', async (allocation, count) => {
    const site = simulatedSite(Array.from({ length: 4 }, () => 6 * mebibyte))
    const clock = handClock('2026-03-25T12:00:00Z')
    const book = ledger()
    for (const _ of [1, 2, 3]) {
      await run(site, book, { allocation }, { clock })
      clock.forward(4 * dayMs)
    }
    await using session = await site.open()
    expect(await mediaOfSets(session)).toHaveLength(count)
    await expectContent(site, book)
  })
})

describe('the time to keep a set', () => {
  it('is extended by each session, never shortened, and known from tape alone', async () => {
    const site = simulatedSite([8 * mebibyte, 8 * mebibyte])
    const clock = handClock('2026-01-01T00:00:00Z')
    const book = ledger()
    const until = async () => {
      await using session = await site.open({}, { clock })
      return ((await session.sets?.list(call)) ?? []).map(({ keepUntil }) => keepUntil?.toISOString())
    }
    await run(site, book, { keep: '30d' }, { clock })
    expect(await until()).toEqual(['2026-01-31T00:00:00.000Z'])
    clock.forward(10 * dayMs)
    await run(site, book, { keep: '30d' }, { clock })
    expect(await until()).toEqual(['2026-02-10T00:00:00.000Z'])
    await run(site, book, { keep: '1d' }, { clock })
    expect(await until()).toEqual(['2026-02-10T00:00:00.000Z'])
    rmSync(join(site.folder, 'state'), { recursive: true })
    {
      await using session = await site.open({}, { clock })
      await session.library?.rebuild([], call)
    }
    expect(await until()).toEqual(['2026-02-10T00:00:00.000Z'])
    await run(site, book, {}, { clock })
    expect(await until()).toEqual([undefined])
  })

  it('is the longest of all sessions in what a later cartridge says', async () => {
    const site = simulatedSite([4 * mebibyte, 4 * mebibyte])
    const clock = handClock('2026-01-01T00:00:00Z')
    const book = ledger()
    await run(site, book, { keep: '30d' }, { clock }, [2_000_000])
    await run(site, book, { keep: '1d' }, { clock }, [2_000_000])
    site.simulated.removeByHand(site.simulated.cartridge('TAPE01').address ?? 0)
    rmSync(join(site.folder, 'state'), { recursive: true })
    await using session = await site.open({}, { clock })
    await session.library?.rebuild([], call)
    const [set] = (await session.sets?.list(call)) ?? []
    expect(set?.keepUntil?.toISOString()).toBe('2026-01-31T00:00:00.000Z')
  })

  it('that is over lets the set be written over, with a warning, and all its cartridges be used again', async () => {
    const site = simulatedSite(Array.from({ length: 3 }, () => 4 * mebibyte))
    const clock = handClock('2026-01-01T00:00:00Z')
    const { logger, lines } = warnings()
    const book = ledger()
    await run(site, book, { keep: '7d' }, { clock, logger }, [2_000_000, 2_000_000, 2_000_000])
    const blank = contentsOf(site.simulated, ['TAPE03'])
    clock.forward(6 * dayMs)
    const tooEarly = run(site, ledger(), { keep: '7d', allocation: 'new' }, { clock, logger }, [2_000_000, 2_000_000])
    expect(await failureCode(tooEarly)).toBe('E_MEDIA_NEEDED')
    expect(lines.filter((line) => line.includes('written over'))).toEqual([])
    expect(contentsOf(site.simulated, ['TAPE03'])).toEqual(blank)
    await expectContent(site, book)
    clock.forward(2 * dayMs)
    const later = ledger()
    await run(site, later, { keep: '7d' }, { clock, logger }, [2_000_000])
    expect(lines.filter((line) => line.includes('written over'))).toHaveLength(1)
    await run(site, later, { keep: '7d' }, { clock, logger }, [2_000_000, 2_000_000])
    expect(lines.filter((line) => line.includes('written over'))).toHaveLength(3)
    await expectContent(site, later)
  })

  it('that is over while the set is still written to costs nothing of it', async () => {
    const site = simulatedSite(Array.from({ length: 3 }, () => 4 * mebibyte))
    const book = ledger()
    await run(site, book, { keep: '0s' }, {}, [2_000_000, 2_000_000, 2_000_000])
    await expectContent(site, book)
  })

  it('that only a label tells is not believed to be over', async () => {
    const site = simulatedSite([4 * mebibyte])
    const clock = handClock('2026-01-01T00:00:00Z')
    const book = ledger()
    await run(site, book, { keep: '7d' }, { clock })
    clock.forward(6 * dayMs)
    await run(site, book, { keep: '30d' }, { clock })
    rmSync(join(site.folder, 'state'), { recursive: true })
    clock.forward(6 * dayMs)
    const before = contentsOf(site.simulated, ['TAPE01'])
    expect(await failureCode(run(site, ledger(), {}, { clock }))).toBe('E_MEDIA_NEEDED')
    await using session = await site.open({}, { clock })
    expect(await failureCode(Promise.resolve(session.library?.label('TAPE01', call)))).toBe('E_TARGET_IMMUTABLE')
    expect(contentsOf(site.simulated, ['TAPE01'])).toEqual(before)
  })
})
