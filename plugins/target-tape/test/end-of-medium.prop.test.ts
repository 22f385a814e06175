import fc from 'fast-check'
import { describe, it } from 'vitest'
import { expectNothingLost } from './support/judgement.js'
import { failureCode, ledger } from './support/ledger.js'
import { simulatedSite } from './support/simulated-site.js'

const mebibyte = 2 ** 20
/** Spans that blocks of 256 KiB cut in awkward places, and a few that fill cartridges. */
const objectSize = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 1, max: 3000 }) },
  { weight: 3, arbitrary: fc.integer({ min: 3000, max: 600_000 }) },
  { weight: 2, arbitrary: fc.integer({ min: 600_000, max: 3 * mebibyte }) },
)
const cartridge = fc.record({
  sizeBytes: fc.integer({ min: 1.5 * mebibyte, max: 9 * mebibyte }),
  earlyWarningBytes: fc.constantFrom(0, 0, 1, 70_000, 262_144, 262_208, 600_000, 1_200_000),
})
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ beginning: fc.constantFrom('packs/00/', 'packs/00/', 'index/'), size: objectSize }),
  },
  { weight: 1, arbitrary: fc.constant('sync' as const) },
)
const sessions = fc.array(fc.array(step, { minLength: 1, maxLength: 14 }), { minLength: 1, maxLength: 4 })

describe.each([
  ['by the standards', []],
  ['as tgtd is', ['tgtd'] as const],
])('the end of the medium, on drives that behave %s', (_, quirks) => {
  it('loses nothing, wherever it comes', { timeout: 400_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(cartridge, { minLength: 1, maxLength: 8 }), sessions, async (cartridges, steps) => {
        using simulated = simulatedSite(cartridges, { quirks, slots: cartridges.length + 3 })
        const book = ledger()
        for (const each of steps) {
          await using session = await simulated.open()
          for (const what of each) {
            const done = what === 'sync' ? book.sync(session) : book.put(session, what.beginning, what.size)
            const code = await failureCode(done)
            // Whoever runs out of cartridges is told so, and what was not synced is lost.
            if (code === 'E_MEDIA_NEEDED' || code === 'E_TARGET_FULL') break
            if (code !== undefined) throw new Error(code)
          }
        }
        for (const at of [1, 2])
          simulated.simulated.insertByHand(1024 + cartridges.length + at, {
            barcode: `MORE0${at}`,
            sizeBytes: 9 * mebibyte,
          })
        await expectNothingLost(simulated, book)
      }),
      { numRuns: 100, endOnFailure: true },
    )
  })
})
