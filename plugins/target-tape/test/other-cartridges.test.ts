import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { SimulatedCartridgeOptions } from '@holdfast/protocol-iscsi/testing'
import { describe, expect, it } from 'vitest'
import { expectNothingLost } from './support/judgement.js'
import { digestOf, failureCode, ledger } from './support/ledger.js'
import { simulatedSite } from './support/simulated-site.js'
import { call, contentOfPool, contentsOf, mebibyte, mediaOfSets } from './support/site-parts.js'

const sizeBytes = 8 * mebibyte

describe('a cartridge that is put in place of ours', () => {
  const others: readonly (readonly [string, () => Promise<Partial<SimulatedCartridgeOptions>>])[] = [
    ['somebody else’s', async () => ({ content: 'foreign' })],
    ['one of another pool', async () => ({ content: await contentOfPool('monthly') })],
    ['one of another set of the pool', async () => ({ content: await contentOfPool('weekly') })],
    ['one that can be written once, and was', async () => ({ worm: true, content: await contentOfPool('weekly') })],
  ]
  it.each(others)('%s, is not written to, nor read as ours', async (_, content) => {
    const site = simulatedSite([sizeBytes, sizeBytes, sizeBytes])
    const book = ledger()
    {
      await using session = await site.open()
      await book.put(session, 'packs/00/', 400_000)
      await book.sync(session)
    }
    const { simulated } = site
    const ours = simulated.cartridge('TAPE01')
    simulated.removeByHand(ours.address ?? 0)
    simulated.insertByHand(1024, { barcode: 'TAPE01', sizeBytes, ...(await content()) })
    const before = contentsOf(simulated, ['TAPE01'])
    {
      await using session = await site.open()
      expect(await failureCode(digestOf(session, 'packs/00/0'))).toBe('E_MEDIA_FOREIGN')
      await book.put(session, 'packs/00/', 400_000)
      await book.sync(session)
      expect(await mediaOfSets(session)).toEqual([['TAPE01', 'TAPE02']])
    }
    expect(contentsOf(simulated, ['TAPE01'])).toEqual(before)
    simulated.removeByHand(simulated.cartridge('TAPE01').address ?? 0)
    simulated.insertByHand(1024, { barcode: 'TAPE01', sizeBytes, content: ours.objects })
    await expectNothingLost(site, book)
  })

  it('blank, is used as any blank one', async () => {
    const site = simulatedSite([sizeBytes])
    const book = ledger()
    {
      await using session = await site.open()
      await book.put(session, 'packs/00/', 400_000)
      await book.sync(session)
    }
    site.simulated.removeByHand(site.simulated.cartridge('TAPE01').address ?? 0)
    site.simulated.insertByHand(1024, { barcode: 'TAPE01', sizeBytes })
    book.forget()
    await using session = await site.open()
    const key = await book.put(session, 'packs/00/', 400_000)
    await book.sync(session)
    expect(await digestOf(session, key)).toBe(book.given.get(key))
    expect(await failureCode(digestOf(session, 'packs/00/0'))).toBe('E_MEDIA_FOREIGN')
  })

  it('within a session, while it is read, is noticed', async () => {
    const site = simulatedSite([sizeBytes, { sizeBytes, content: 'foreign' }])
    const book = ledger()
    await using session = await site.open()
    const first = await book.put(session, 'packs/00/', 2_000_000)
    await book.put(session, 'packs/00/', 1_000_000)
    const second = await book.put(session, 'packs/00/', 5000)
    await book.sync(session)
    expect(await digestOf(session, first)).toBe(book.given.get(first))
    const { address = 0 } = site.simulated.cartridge('TAPE01')
    expect(address).toBeLessThan(768)
    site.simulated.swapByHand(address, site.simulated.cartridge('TAPE02').address ?? 0)
    const before = contentsOf(site.simulated, ['TAPE02'])
    expect(await failureCode(digestOf(session, second))).toMatch(/^E_TARGET_/)
    expect(await digestOf(session, second)).toBe(book.given.get(second))
    expect(contentsOf(site.simulated, ['TAPE02'])).toEqual(before)
  })
})

describe('a cartridge whose barcode has changed', () => {
  it('is read and written under the new one', async () => {
    const site = simulatedSite([sizeBytes])
    const book = ledger()
    {
      await using session = await site.open()
      await book.put(session, 'packs/00/', 400_000)
      await book.sync(session)
    }
    const { objects, address = 0 } = site.simulated.cartridge('TAPE01')
    site.simulated.removeByHand(address)
    site.simulated.insertByHand(1024, { barcode: 'RELABEL1', sizeBytes, content: objects })
    {
      await using session = await site.open()
      await session.library?.rebuild([], call)
      expect(await mediaOfSets(session)).toEqual([['RELABEL1']])
    }
    await expectNothingLost(site, book)
  })
})

describe('a cartridge that is labelled for another pool, and empty', () => {
  it('is not taken', async () => {
    const site = simulatedSite([sizeBytes])
    {
      await using session = await site.open({ pool: 'monthly' })
      await session.library?.label('TAPE01', call)
    }
    rmSync(join(site.folder, 'state'), { recursive: true })
    const before = contentsOf(site.simulated, ['TAPE01'])
    const book = ledger()
    await using session = await site.open()
    const putting = book.put(session, 'packs/00/', 1000).then(() => book.sync(session))
    expect(await failureCode(putting)).toBe('E_MEDIA_NEEDED')
    expect(contentsOf(site.simulated, ['TAPE01'])).toEqual(before)
  })
})

describe('a library in which only one cartridge may be written to', () => {
  it('has that one written to, and no byte of the others changed', async () => {
    const held = await contentOfPool('weekly')
    const site = simulatedSite([
      { sizeBytes, content: 'foreign' },
      { sizeBytes, content: await contentOfPool('monthly') },
      { sizeBytes, content: held },
      { sizeBytes, writeProtected: true },
      { sizeBytes, worm: true, content: held },
      { sizeBytes, barcode: 'CLN001L5', cleaning: true },
      { sizeBytes },
      { sizeBytes, content: [new Uint8Array(262_144).fill(1), 'filemark'] },
      { sizeBytes, content: ['filemark', new Uint8Array(10).fill(1)] },
    ])
    const untouched = ['TAPE01', 'TAPE02', 'TAPE03', 'TAPE04', 'TAPE05', 'TAPE08', 'TAPE09']
    const before = contentsOf(site.simulated, untouched)
    const book = ledger()
    await using session = await site.open({ allocation: 'new' })
    await book.put(session, 'packs/00/', 400_000)
    await book.sync(session)
    expect((await mediaOfSets(session)).at(-1)).toEqual(['TAPE07'])
    expect(contentsOf(site.simulated, untouched)).toEqual(before)
  })
})
