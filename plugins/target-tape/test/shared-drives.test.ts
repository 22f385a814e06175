import { readBlock, testUnitReady } from '@holdfast/protocol-iscsi/scsi'
import { describe, expect, it } from 'vitest'
import { expectNothingLost } from './support/judgement.js'
import { digestOf, failureCode, ledger } from './support/ledger.js'
import { simulatedSite } from './support/simulated-site.js'
import { call, mebibyte } from './support/site-parts.js'

const sizeBytes = 9 * mebibyte

describe('a drive', () => {
  it('is kept from other hosts while a cartridge is mounted, and not after', async () => {
    const site = simulatedSite([sizeBytes, sizeBytes])
    const other = site.simulated.initiator('another host')
    const ready = async () => {
      const codes: (string | undefined)[] = []
      for (const drive of other.drives) {
        // The first command is told of the reset.
        await testUnitReady(drive, call).catch(() => undefined)
        codes.push(
          await testUnitReady(drive, call).then(
            () => undefined,
            ({ code }) => code,
          ),
        )
      }
      return codes
    }
    const book = ledger()
    {
      await using session = await site.open()
      await book.put(session, 'packs/00/', 1000)
      await book.sync(session)
      expect(await ready()).toContain('reservation-conflict')
    }
    expect(await ready()).not.toContain('reservation-conflict')
  })

  it('that another host uses is busy', async () => {
    const site = simulatedSite([sizeBytes, sizeBytes])
    const book = ledger()
    await using first = await site.openWith(site.simulated.initiator('another host'), { state: 'other' })
    await book.put(first, 'packs/00/', 1000)
    await book.sync(first)
    const { drives } = site.simulated
    for (const drive of drives) await readBlock(drive, new Uint8Array(8), call).catch(() => undefined)
    const place = site.simulated.cartridge('TAPE01').address ?? 0
    expect(place).toBeLessThan(768)
    await using second = await site.open()
    const reading = Promise.resolve(second.library?.load('TAPE01', call))
    expect(await failureCode(reading)).toBe('E_REPOSITORY_BUSY')
  })

  it('that is the only one is used in turn for reading and writing, within one session', async () => {
    const site = simulatedSite([4 * mebibyte, 4 * mebibyte, sizeBytes], { drives: 1 })
    const book = ledger()
    {
      await using session = await site.open()
      for (const _ of [1, 2, 3, 4]) {
        const key = await book.put(session, 'packs/00/', 1_000_000)
        expect(await digestOf(session, key)).toBe(book.given.get(key))
        expect(await digestOf(session, 'packs/00/0')).toBe(book.given.get('packs/00/0'))
      }
      await book.sync(session)
    }
    await expectNothingLost(site, book)
  })
})
