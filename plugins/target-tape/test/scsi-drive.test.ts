import type { SimulatedLibraryOptions } from '@holdfast/protocol-iscsi/testing'
import { describe, expect, it } from 'vitest'
import { scsiDrive } from '../src/drive/scsi-drive.js'
import { call, describeDrive, describeDriveAtItsEnd, libraryInMemory, numbered } from './drive-table.js'

async function site(options: Partial<SimulatedLibraryOptions> = {}) {
  const library = await libraryInMemory(options)
  const [device] = library.drives
  if (device === undefined) throw new Error('there is no drive')
  return { library, drive: scsiDrive('drive 0', device) }
}

const ways = [
  ['by the standards', {}],
  ['without LOCATE', { supports: { locate: false } }],
  ['as tgtd is', { quirks: ['tgtd'] }],
] as const

for (const [way, options] of ways) {
  describeDrive(`a drive that behaves ${way}`, (others) => site({ ...options, ...others }))
}

describeDriveAtItsEnd('a drive', site)

describe('a drive', () => {
  it('that lost a command says that it does not answer', async () => {
    const { library, drive } = await site()
    await drive.load(call)
    library.failNext(0, { opcode: 0x0a, result: 'lost' })
    await expect(drive.write(numbered(0, 0), call)).rejects.toMatchObject({ code: 'E_TARGET_UNAVAILABLE' })
  })

  it('tells what is left of a cartridge, and whether it can be written once', async () => {
    const { drive } = await site({ cartridges: [{ barcode: 'W', worm: true, sizeBytes: 64 * 2 ** 20 }] })
    expect(await drive.load(call)).toMatchObject({ isWorm: true, remainingBytes: expect.any(Number) })
  })
})
