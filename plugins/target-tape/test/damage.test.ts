import { readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { expectContent, expectNothingLost } from './support/judgement.js'
import { digestOf, failureCode, ledger } from './support/ledger.js'
import { simulatedSite } from './support/simulated-site.js'
import { call, mebibyte, mediaOfSets, warnings } from './support/site-parts.js'

const sizeBytes = 9 * mebibyte

/** Number of the first block of a tape file among all that is on a cartridge. */
function startOf(objects: readonly (Uint8Array | 'filemark')[], file: number): number {
  const marks = objects.flatMap((object, at) => (object === 'filemark' ? [at] : []))
  return file === 0 ? 0 : (marks[file - 1] ?? -1) + 1
}

describe.each([
  ['by the standards', []],
  ['as tgtd is', ['tgtd'] as const],
])('a block that cannot be read, on drives that behave %s', (_, quirks) => {
  it('costs the object that it is of, which is named with its cartridge, and no other', async () => {
    const site = simulatedSite([sizeBytes, sizeBytes], { quirks })
    const book = ledger()
    {
      await using session = await site.open()
      for (const _ of [1, 2, 3]) await book.put(session, 'packs/00/', 700_000)
      await book.sync(session)
      await book.put(session, 'packs/00/', 700_000)
      await book.sync(session)
    }
    const { objects } = site.simulated.cartridge('TAPE01')
    site.simulated.damageBlock('TAPE01', startOf(objects, 1) + 4)
    await using session = await site.open()
    const reading = digestOf(session, 'packs/00/1')
    await expect(reading).rejects.toMatchObject({
      code: 'E_DAMAGED',
      message: expect.stringMatching(/packs\/00\/1.*TAPE01/),
      context: { object: 'packs/00/1', barcode: 'TAPE01' },
    })
    for (const key of ['packs/00/0', 'packs/00/2', 'packs/00/3'])
      expect(await digestOf(session, key)).toBe(book.given.get(key))
    await session[Symbol.asyncDispose]()
    await expectNothingLost(site, book, { lost: ['packs/00/1'], damaged: ['TAPE01'] })
  })

  it('that a header was in does not keep the next tape files from being found', async () => {
    const site = simulatedSite([sizeBytes, sizeBytes], { quirks })
    const book = ledger()
    {
      await using session = await site.open()
      for (const _ of [1, 2, 3]) {
        await book.put(session, 'packs/00/', 700_000)
        await book.sync(session)
      }
    }
    const { objects } = site.simulated.cartridge('TAPE01')
    site.simulated.damageBlock('TAPE01', startOf(objects, 2))
    await expectNothingLost(site, book, { lost: ['packs/00/1'], damaged: ['TAPE01'] })
  })

  it('leaves what lies before it in its tape file, where no catalog came to be written', async () => {
    const site = simulatedSite([sizeBytes, sizeBytes], { quirks })
    const book = ledger()
    const session = await site.open()
    for (const _ of [1, 2, 3]) await book.put(session, 'packs/00/', 700_000)
    await book.sync(session)
    await book.put(session, 'packs/00/', 700_000)
    await book.sync(session)
    // As of a process that was killed: its session is never closed.
    const content = site.simulated.cartridge('TAPE01').objects
    const found = simulatedSite([{ sizeBytes, content }, sizeBytes], { quirks })
    found.simulated.damageBlock('TAPE01', startOf(content, 1) + 5)
    {
      await using other = await found.open()
      await other.library?.rebuild([], call)
    }
    await expectNothingLost(found, book, { lost: ['packs/00/1', 'packs/00/2'], damaged: ['TAPE01'] })
    await session[Symbol.asyncDispose]()
  })

  it('in the label leaves a set readable whose other cartridges are told of it by their catalogs', async () => {
    const site = simulatedSite(
      [4, 4, 9, 9].map((size) => size * mebibyte),
      { quirks },
    )
    const book = ledger()
    {
      await using session = await site.open()
      for (const _ of [1, 2, 3, 4]) await book.put(session, 'packs/00/', 2_000_000)
      await book.sync(session)
    }
    site.simulated.damageBlock('TAPE01', 0)
    rmSync(join(site.folder, 'state'), { recursive: true })
    const { logger, lines } = warnings()
    await using session = await site.open({}, { logger })
    await session.library?.rebuild([], call)
    expect(lines.join('\n')).toContain('TAPE01 cannot be read')
    expect(await mediaOfSets(session)).toHaveLength(1)
    await using set = await session.sets?.open((await session.sets.list(call))[0]?.id ?? '', call)
    if (set === undefined) throw new Error('no set')
    expect(await failureCode(digestOf(set, 'packs/00/0'))).toBe('E_DAMAGED')
    for (const key of ['packs/00/2', 'packs/00/3']) expect(await digestOf(set, key)).toBe(book.given.get(key))
  })
})

describe('making the catalog anew', () => {
  it('knows from other cartridges what is on one that is not there', async () => {
    const site = simulatedSite([4, 4, 9].map((size) => size * mebibyte))
    const book = ledger()
    {
      await using session = await site.open()
      for (const _ of [1, 2, 3]) await book.put(session, 'packs/00/', 2_000_000)
      await book.put(session, 'points/', 500)
      await book.sync(session)
    }
    const { address = 0, objects } = site.simulated.cartridge('TAPE01')
    site.simulated.removeByHand(address)
    rmSync(join(site.folder, 'state'), { recursive: true })
    {
      await using session = await site.open()
      await session.library?.rebuild([], call)
      expect(await mediaOfSets(session)).toEqual([['TAPE01', 'TAPE02', 'TAPE03']])
      const [set] = (await session.sets?.list(call)) ?? []
      expect(set?.media.map(({ isOnline }) => isOnline)).toEqual([false, true, true])
      await using reading = await session.sets?.open(set?.id ?? '', call)
      if (reading === undefined) throw new Error('no set')
      await expect(digestOf(reading, 'packs/00/0')).rejects.toMatchObject({
        code: 'E_MEDIA_NEEDED',
        context: { barcode: 'TAPE01' },
      })
      expect(await digestOf(reading, 'points/3')).toBe(book.given.get('points/3'))
    }
    site.simulated.insertByHand(address, { barcode: 'TAPE01', sizeBytes: 4 * mebibyte, content: objects })
    await expectContent(site, book)
  })

  it('does without a catalog on tape that is damaged', async () => {
    const site = simulatedSite([4, 4, 9].map((size) => size * mebibyte))
    const book = ledger()
    {
      await using session = await site.open()
      for (const _ of [1, 2, 3]) await book.put(session, 'packs/00/', 2_000_000)
      await book.sync(session)
    }
    const { objects } = site.simulated.cartridge('TAPE02')
    site.simulated.damageBlock('TAPE02', startOf(objects, 1))
    await expectNothingLost(site, book, { damaged: ['TAPE02'] })
  })
})

describe('the state folder', () => {
  const written = async () => {
    const site = simulatedSite([sizeBytes, sizeBytes])
    const book = ledger()
    await using session = await site.open()
    await book.put(session, 'index/', 50_000)
    await book.put(session, 'packs/00/', 50_000)
    await book.sync(session)
    return { site, book, cache: join(site.folder, 'state', 'objects') }
  }
  const filesOf = (folder: string) =>
    readdirSync(folder, { recursive: true, withFileTypes: true }).flatMap((entry) =>
      entry.isFile() ? [join(entry.parentPath, entry.name)] : [],
    )

  it('mends itself when what is at hand for looking up was lost', async () => {
    const { site, book, cache } = await written()
    rmSync(cache, { recursive: true })
    await expectNothingLost(site, book)
  })

  it.each([
    ['cut', (path: string) => truncateSync(path, 100)],
    ['altered', (path: string) => writeFileSync(path, new Uint8Array(50_000).fill(1))],
  ])('mends itself when an object for looking up was %s', async (_, harm) => {
    const { site, book, cache } = await written()
    const files = filesOf(cache)
    expect(files).toHaveLength(1)
    for (const path of files) harm(path)
    await expectNothingLost(site, book)
  })

  it('says so when the catalog is damaged, and can be made anew', async () => {
    const { site, book } = await written()
    const path = join(site.folder, 'state', 'catalog.db')
    for (const name of ['-wal', '-shm']) rmSync(`${path}${name}`, { force: true })
    writeFileSync(path, 'nothing like a database'.repeat(1000))
    await expect(site.open()).rejects.toMatchObject({
      code: 'E_TARGET_UNAVAILABLE',
      hint: expect.stringContaining('--rebuild'),
    })
    rmSync(path)
    {
      await using session = await site.open()
      await session.library?.rebuild([], call)
    }
    await expectNothingLost(site, book)
  })
})
