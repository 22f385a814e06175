import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { digestOf, failureCode, ledger } from './support/ledger.js'
import { simulatedSite } from './support/simulated-site.js'
import { contentsOf, handClock, mebibyte, warnings } from './support/site-parts.js'

const sizeBytes = 8 * mebibyte

describe('a library without a cartridge that may be written to', () => {
  it('fails the put or the sync at once where nobody is to be waited for', async () => {
    const site = simulatedSite([{ sizeBytes, content: 'foreign' }])
    const before = contentsOf(site.simulated, ['TAPE01'])
    const book = ledger()
    await using session = await site.open()
    const putting = book.put(session, 'packs/00/', 1000).then(() => book.sync(session))
    expect(await failureCode(putting)).toBe('E_MEDIA_NEEDED')
    expect(contentsOf(site.simulated, ['TAPE01'])).toEqual(before)
  })

  it('is waited for as long as the options say, and a program is told', async () => {
    const site = simulatedSite([{ sizeBytes, content: 'foreign' }])
    const clock = handClock('2026-05-01T00:00:00Z')
    const told = join(site.folder, 'told')
    const book = ledger()
    await using session = await site.open(
      { waitForMedia: '2h', onMediaNeeded: ['sh', '-c', `echo "$HOLDFAST_POOL" > '${told}'`] },
      { clock },
    )
    const putting = book.put(session, 'packs/00/', 1000).then(() => book.sync(session))
    expect(await failureCode(putting)).toBe('E_MEDIA_NEEDED')
    expect(clock.now().toISOString()).toBe('2026-05-01T02:00:00.000Z')
    await expect.poll(() => existsSync(told)).toBe(true)
  })

  it('goes on when somebody puts one in', async () => {
    const site = simulatedSite([{ sizeBytes, content: 'foreign' }])
    const hand = handClock('2026-05-01T00:00:00Z')
    let sleeps = 0
    const sleep: typeof hand.sleep = async (ms, options) => {
      await hand.sleep(ms, options)
      if (++sleeps === 3) site.simulated.insertByHand(1025, { barcode: 'BROUGHT1', sizeBytes })
    }
    const { logger, lines } = warnings()
    const book = ledger()
    await using session = await site.open({ waitForMedia: '2h' }, { clock: { ...hand, sleep }, logger })
    const key = await book.put(session, 'packs/00/', 1000)
    await book.sync(session)
    expect(sleeps).toBe(3)
    expect(lines).toContain('waiting for a cartridge of pool weekly')
    expect(await digestOf(session, key)).toBe(book.given.get(key))
  })
})
