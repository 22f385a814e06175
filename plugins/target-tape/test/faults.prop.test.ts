import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Fault, faultyUnits } from './support/faulty-units.js'
import { expectNothingLost } from './support/judgement.js'
import { failureCode, ledger } from './support/ledger.js'
import { simulatedSite } from './support/simulated-site.js'

const mebibyte = 2 ** 20
const cartridgeSizes = [5, 6, 7, 8].map((size) => size * mebibyte)
const faults: readonly Fault[] = [
  { kind: 'sense', key: 0x3, asc: 0x0c },
  { kind: 'sense', key: 0x4, asc: 0x44 },
  { kind: 'sense', key: 0xb, asc: 0x4b },
  { kind: 'writes-fail' },
  { kind: 'lost', before: true },
  { kind: 'lost', before: false },
  { kind: 'power' },
]
/** Of two sessions; between them something is asked for in vain where nothing is to sync. */
const steps = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.integer({ min: 1, max: 1_300_000 }) },
    { weight: 1, arbitrary: fc.constantFrom('sync' as const, 'reopen' as const) },
  ),
  { minLength: 3, maxLength: 14 },
)

describe.each([
  ['by the standards', [], faults],
  ['as tgtd is', ['tgtd'] as const, [...faults, { kind: 'no-filemarks' } as const]],
])('whatever goes wrong with a command, with units that behave %s', (_, quirks, all) => {
  it('takes nothing that was promised', { timeout: 400_000 }, async () => {
    let struck = 0
    const example = fc.record({ fault: fc.constantFrom(...all), at: fc.nat(70), halfWritten: fc.boolean(), steps })
    await fc.assert(
      fc.asyncProperty(example, async (wanted) => {
        using site = simulatedSite(cartridgeSizes, { quirks, slots: cartridgeSizes.length + 3 })
        const { simulated } = site
        const losePower = () => simulated.losePower({ halfWritten: wanted.halfWritten })
        const units = faultyUnits(simulated, wanted.fault, wanted.at, losePower)
        const book = ledger()
        const opened = () => site.openWith(units)
        let session = await opened()
        for (const what of wanted.steps) {
          if (what === 'reopen') {
            await session[Symbol.asyncDispose]()
            session = await opened()
            continue
          }
          const done = what === 'sync' ? book.sync(session) : book.put(session, 'packs/00/', what)
          if ((await failureCode(done)) === undefined) continue
          await session[Symbol.asyncDispose]()
          session = await opened()
        }
        await session[Symbol.asyncDispose]()
        if (units.hasStruck()) struck += 1
        units.mend()
        for (const at of [1, 2])
          simulated.insertByHand(1024 + cartridgeSizes.length + at, { barcode: `MORE0${at}`, sizeBytes: 9 * mebibyte })
        await expectNothingLost(site, book)
      }),
      { numRuns: 60 },
    )
    expect(struck).toBeGreaterThan(10)
  })
})
