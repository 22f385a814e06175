import { randomBytes } from 'node:crypto'
import { type SimulatedCartridgeOptions, type SimulatedQuirk, simulatedLibrary } from '@holdfast/protocol-iscsi/testing'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { scsiDrive } from '../src/drive/scsi-drive.js'
import type { CartridgeLabel } from '../src/layout/label.js'
import { scsiChanger } from '../src/library/scsi-changer.js'
import { tapeLibrary } from '../src/library/tape-library.js'
import { readLabel, writeLabel } from '../src/media/cartridge-label.js'
import { memoryClaims } from './support/memory-claims.js'

const call = { signal: new AbortController().signal }
const label: CartridgeLabel = {
  cartridge: 'a'.repeat(32),
  barcode: 'T1',
  pool: 'weekly',
  set: { id: 'b'.repeat(32), sequence: 2, previous: 'c'.repeat(32), keepUntil: new Date('2027-01-01') },
  writtenAt: new Date('2026-11-23T12:00:00Z'),
}

/** Nothing, or a single filemark. */
function isNothing(content: readonly (Uint8Array | 'filemark')[]): boolean {
  return content.length === 0 || (content.length === 1 && content[0] === 'filemark')
}

/** A drive with a cartridge in it. */
async function mounted(
  cartridge: Partial<SimulatedCartridgeOptions>,
  quirks: readonly (SimulatedQuirk | 'tgtd')[] = [],
) {
  const cartridges = [{ barcode: 'T1', sizeBytes: 4 * 2 ** 20, ...cartridge }]
  const simulated = simulatedLibrary({ drives: 1, slots: 1, cartridges, readyAfterCommands: 0, quirks })
  const drives = simulated.drives.map((device) => scsiDrive('drive 0', device))
  const { drive } = await tapeLibrary(scsiChanger('the library', simulated.changer), drives, {
    claims: memoryClaims(),
    patienceMs: 1000,
  }).mount('T1', call)
  return { simulated, drive }
}

describe.each([
  ['by the standards', []],
  ['as tgtd is', ['tgtd'] as const],
])('the label of a cartridge in a drive that behaves %s', (_, quirks) => {
  it('says what was written, over whatever was there', async () => {
    const { drive } = await mounted({ content: 'foreign' }, quirks)
    expect(await readLabel(drive, call)).toMatchObject({ kind: 'foreign' })
    await writeLabel(drive, label, call)
    expect(await readLabel(drive, call)).toEqual({ kind: 'label', label })
    await writeLabel(drive, { ...label, cartridge: 'd'.repeat(32), set: undefined }, call)
    expect(await readLabel(drive, call)).toMatchObject({
      kind: 'label',
      label: { cartridge: 'd'.repeat(32), set: undefined },
    })
  })

  it.each([
    ['nothing', [], 'blank'],
    ['a filemark, as what was erased has', ['filemark' as const], 'blank'],
    ['two filemarks', ['filemark' as const, 'filemark' as const], 'foreign'],
    ['noise', [new Uint8Array(randomBytes(262_144))], 'foreign'],
    ['short blocks', [new Uint8Array(80), new Uint8Array(80)], 'foreign'],
    ['blocks of 512 bytes', [new Uint8Array(randomBytes(512))], 'foreign'],
    ['zeros', [new Uint8Array(262_144)], 'foreign'],
    ['blocks longer than any of ours', [new Uint8Array(3 * 2 ** 20)], 'foreign'],
  ])('of one with %s on it is none', async (__, content, kind) => {
    const { drive } = await mounted({ content, sizeBytes: 2 ** 24 }, quirks)
    expect(await readLabel(drive, call)).toMatchObject({ kind })
  })

  it('is told, whatever a cartridge holds', async () => {
    // Sizes of blocks; 0 stands for a filemark.
    const sizes = fc.array(fc.oneof(fc.integer({ min: 0, max: 2000 }), fc.integer({ min: 0, max: 1_500_000 })), {
      maxLength: 4,
    })
    await fc.assert(
      fc.asyncProperty(sizes, async (lengths) => {
        const content = lengths.map((size) => (size === 0 ? ('filemark' as const) : new Uint8Array(size).fill(7)))
        const { drive } = await mounted({ content, sizeBytes: 2 ** 24 }, quirks)
        expect((await readLabel(drive, call)).kind).toBe(isNothing(content) ? 'blank' : 'foreign')
      }),
      { numRuns: 40 },
    )
  })
})

describe('a label', () => {
  it('is not written to a cartridge that is protected', async () => {
    const { simulated, drive } = await mounted({ writeProtected: true })
    await expect(writeLabel(drive, label, call)).rejects.toMatchObject({ code: 'E_TARGET_READ_ONLY' })
    expect(simulated.cartridge('T1').objects).toEqual([])
  })

  it('that cannot be read back is an error', async () => {
    const { simulated, drive } = await mounted({})
    const writing = writeLabel(
      { ...drive, endFile: (options) => drive.endFile(options).finally(() => simulated.damageBlock('T1', 0)) },
      label,
      call,
    )
    await expect(writing).rejects.toMatchObject({ code: 'E_DAMAGED' })
  })

  it('that another one took the place of is told from it', async () => {
    const { drive } = await mounted({})
    const other = { ...label, cartridge: 'e'.repeat(32) }
    const swapping = {
      ...drive,
      endFile: async () => {
        const written = await drive.endFile(call)
        await writeLabel(drive, other, call)
        return written
      },
    }
    await expect(writeLabel(swapping, label, call)).rejects.toThrow('reads something else')
  })
})
