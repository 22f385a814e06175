import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { cuttingProxy, mountTmpfs, skipsWithout, skipsWithoutTmpfs } from 'holdfast-lab'
import { describe, expect, it } from 'vitest'
import { expectContent, expectNothingLost } from './support/judgement.js'
import { digestOf, failureCode, ledger } from './support/ledger.js'
import { call } from './support/site-parts.js'
import { tgtdSite, type Writer } from './support/tgtd-site.js'

const timeout = 120_000
const random = (least: number, most: number) => least + Math.floor(Math.random() * (most - least))
const someMib = (count: number) => Array.from({ length: count }, () => ({ sizeMib: random(4, 9) }))

/** What a process said of what it gave, and what it was promised. */
function asLedger(writers: readonly Writer[]) {
  const words = writers.flatMap(({ lines }) => lines.map((line) => line.split(' ')))
  const given = new Map(
    words.flatMap(([what, key = '', digest = '']) => (what === 'given' ? [[key, digest] as const] : [])),
  )
  const promised = new Set(words.flatMap(([what, key = '']) => (what === 'promised' ? [key] : [])))
  return ledger(given, promised)
}

describe.skipIf(skipsWithout('tgt'))('a set on tapes of tgtd', () => {
  it.each(Array.from({ length: 10 }, (_, at) => at + 1))(
    'loses nothing where cartridges end, run %i',
    { timeout },
    async () => {
      await using site = await tgtdSite({ cartridges: someMib(8) })
      const book = ledger()
      for (const _ of [1, 2]) {
        await using session = await site.open()
        for (let at = random(4, 12); at > 0; at--) {
          const failing = book.put(session, at % 3 === 0 ? 'index/' : 'packs/00/', random(1, 2_500_000))
          if ((await failureCode(failing)) !== undefined) break
          if (random(0, 4) === 0 && (await failureCode(book.sync(session))) !== undefined) break
        }
      }
      await expectNothingLost(site, book)
    },
  )

  it.each([1, 2, 3])('goes on after tgtd was killed within it, run %i', { timeout }, async () => {
    await using site = await tgtdSite({ cartridges: someMib(6) })
    const book = ledger()
    {
      await using session = await site.open()
      const killing = delay(random(100, 900)).then(() => site.tgtd.kill('SIGKILL'))
      let code: string | undefined
      for (let at = 0; code === undefined && at < 14; at++) {
        code = await failureCode(book.put(session, 'packs/00/', random(1, 1_500_000)))
        if (at % 3 === 2) code ??= await failureCode(book.sync(session))
      }
      await killing
    }
    await site.tgtd.restart()
    await expectNothingLost(site, book)
  })

  it.each([300_000, 2_500_000, 4_000_001, 6_000_000])(
    'survives within a session that the connection is cut after %i bytes',
    { timeout },
    async (sentBytes) => {
      await using site = await tgtdSite({ cartridges: [{ sizeMib: 32 }, { sizeMib: 32 }] })
      await using proxy = await cuttingProxy(site.tgtd.port)
      const book = ledger()
      {
        await using session = await site.openAt(proxy.port)
        await book.put(session, 'packs/00/', 1000)
        await book.sync(session)
        proxy.cutAfter(sentBytes)
        for (let at = 0; at < 5; at++) await book.put(session, 'packs/00/', 1_500_000)
        await book.sync(session)
        expect(book.promised.size).toBe(6)
      }
      await expectNothingLost(site, book)
    },
  )

  it('survives that its process is killed, ten times', { timeout: 300_000 }, async () => {
    await using site = await tgtdSite({ cartridges: [...someMib(12), { sizeMib: 500 }] })
    const writers: Writer[] = []
    for (let run = 0; run < 10; run++) {
      const writer = site.startWriter(`packs/${run}/`, 100)
      writers.push(writer)
      await expect.poll(() => writer.lines.length, { timeout: 20_000 }).toBeGreaterThan(0)
      await delay(random(50, 700))
      writer.child.kill('SIGKILL')
      await writer.ended
    }
    const book = asLedger(writers)
    expect(book.promised.size).toBeGreaterThan(5)
    await expectNothingLost(site, book)
  })

  it('is written by one process at a time, and the other is told', { timeout }, async () => {
    await using site = await tgtdSite({ cartridges: [{ sizeMib: 40 }, { sizeMib: 40 }] })
    const writers = [site.startWriter('packs/a/', 12), site.startWriter('packs/b/', 12)]
    await Promise.all(writers.map(({ ended }) => ended))
    const ends = writers.map(({ lines }) => lines.at(-1))
    expect(ends).toContain('ended')
    for (const end of ends) expect(['ended', 'failed E_REPOSITORY_BUSY']).toContain(end)
    await expectNothingLost(site, asLedger(writers))
  })
})

describe.skipIf(skipsWithout('tgt') || skipsWithoutTmpfs())('a full disk', () => {
  it('of tgtd, which says that it wrote filemarks all the same, costs nothing that was promised', {
    timeout,
  }, async () => {
    await using site = await tgtdSite({ cartridges: [{ sizeMib: 64 }, { sizeMib: 64 }] })
    const { tgtd, folder } = site
    await tgtd.kill('SIGKILL')
    const aside = join(folder, 'media')
    cpSync(tgtd.mediaFolder, aside, { recursive: true })
    using disk = mountTmpfs(tgtd.mediaFolder, '12m')
    cpSync(aside, tgtd.mediaFolder, { recursive: true })
    await tgtd.restart()
    const book = ledger()
    let code: string | undefined
    {
      await using session = await site.open()
      for (let at = 0; code === undefined && at < 40; at++) {
        code = await failureCode(book.put(session, 'packs/00/', random(1, 900_000)))
        code ??= await failureCode(book.sync(session))
      }
    }
    expect(code).toMatch(/^E_(TARGET_|MEDIA_NEEDED)/)
    expect(book.promised.size).toBeGreaterThan(5)
    disk.remount('size=200m')
    // What tgtd left on the others is no tape any more.
    await expectNothingLost(site, book, { isUsedUp: true, damaged: site.tgtd.barcodes })
  })

  it('under the state folder is told, and mended by room', { timeout }, async () => {
    await using site = await tgtdSite({ cartridges: [{ sizeMib: 64 }, { sizeMib: 64 }] })
    const book = ledger()
    {
      using disk = mountTmpfs(join(site.folder, 'state'), '3m')
      let code: string | undefined
      {
        await using session = await site.open()
        for (let at = 0; code === undefined && at < 20; at++) {
          code = await failureCode(book.put(session, 'index/', 400_000))
          code ??= await failureCode(book.sync(session))
        }
      }
      expect(code).toBe('E_TARGET_IO')
      expect(book.promised.size).toBeGreaterThan(2)
      disk.remount('size=50m')
      await expectContent(site, book)
      await using session = await site.open()
      const key = await book.put(session, 'packs/00/', 1000)
      await book.sync(session)
      expect(await digestOf(session, key)).toBe(book.given.get(key))
    }
    rmSync(join(site.folder, 'state'), { recursive: true, force: true })
    {
      await using session = await site.open()
      await session.library?.rebuild([], call)
    }
    await expectNothingLost(site, book)
  })
})
