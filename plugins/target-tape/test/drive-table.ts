import type { CallOptions } from '@holdfast/core'
import { moveMedium } from '@holdfast/protocol-iscsi/scsi'
import { type SimulatedLibrary, type SimulatedLibraryOptions, simulatedLibrary } from '@holdfast/protocol-iscsi/testing'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { TapeDrive } from '../src/drive/tape-drive.js'
import { blockBytes } from '../src/layout/block.js'

export const call: CallOptions = { signal: new AbortController().signal }
export const [drive0, slot0] = [256, 1024]

/** A library with a cartridge in its drive. */
export async function libraryInMemory(options: Partial<SimulatedLibraryOptions> = {}): Promise<SimulatedLibrary> {
  const cartridges = [{ barcode: 'T1', sizeBytes: 4 * 2 ** 20, earlyWarningBytes: 2 ** 20 }]
  const library = simulatedLibrary({ drives: 1, slots: 2, cartridges, ...options })
  await moveMedium(library.changer, { source: slot0, destination: drive0 }, call).catch(() =>
    moveMedium(library.changer, { source: slot0, destination: drive0 }, call),
  )
  return library
}

/** A drive, and the library that it is a part of. */
export interface DriveSite {
  readonly library: SimulatedLibrary
  readonly drive: TapeDrive
}

export type MakeSite = (options?: Partial<SimulatedLibraryOptions>) => Promise<DriveSite>

export const numbered = (file: number, block: number) => new Uint8Array(blockBytes).fill(file * 16 + block + 1)

/** Writes tape files of so many blocks each, all of them telling where they are. */
export async function fill(drive: TapeDrive, files: readonly number[]): Promise<void> {
  for (const [file, blocks] of files.entries()) {
    for (let block = 0; block < blocks; block++) await drive.write(numbered(file, block), call)
    await drive.endFile(call)
  }
}

/** What every drive does, whatever carries its commands. */
export function describeDrive(title: string, site: MakeSite): void {
  describe(title, () => {
    it('goes to any block of any file, from anywhere', async () => {
      const files = [1, 3, 0, 2, 4]
      const places = files.flatMap((blocks, file) => Array.from({ length: blocks }, (__, block) => ({ file, block })))
      const { drive } = await site()
      await drive.load(call)
      await fill(drive, files)
      const into = new Uint8Array(blockBytes)
      await fc.assert(
        fc.asyncProperty(fc.array(fc.constantFrom(...places), { maxLength: 12 }), async (wanted) => {
          for (const spot of wanted) {
            await drive.seek(spot, call)
            expect(await drive.read(into, call)).toEqual({ kind: 'block', bytes: blockBytes })
            expect(into).toEqual(numbered(spot.file, spot.block))
            expect(drive.spot()).toEqual({ file: spot.file, block: spot.block + 1 })
          }
        }),
        { numRuns: 20 },
      )
    })

    it('tells filemarks and the end of the data, and goes over blocks up to them', async () => {
      const { drive } = await site()
      await drive.load(call)
      await fill(drive, [3, 1])
      await drive.seek({ file: 0, block: 1 }, call)
      expect(await drive.skip(1, call)).toBe(1)
      expect(await drive.skip(5, call)).toBe(1)
      expect(drive.spot()).toEqual({ file: 1, block: 0 })
      const into = new Uint8Array(blockBytes)
      expect(await drive.read(into, call)).toMatchObject({ kind: 'block' })
      expect(await drive.read(into, call)).toEqual({ kind: 'filemark' })
      expect(await drive.read(into, call)).toEqual({ kind: 'end-of-data' })
      expect(drive.spot()).toEqual({ file: 2, block: 0 })
    })

    it('writes over what lies behind a place, and that is gone', async () => {
      const { drive } = await site()
      await drive.load(call)
      await fill(drive, [2, 2, 2])
      await drive.seek({ file: 1, block: 1 }, call)
      await drive.write(numbered(9, 9), call)
      await drive.endFile(call)
      expect(await drive.read(new Uint8Array(blockBytes), call)).toEqual({ kind: 'end-of-data' })
      await drive.seek({ file: 1, block: 1 }, call)
      const into = new Uint8Array(blockBytes)
      await drive.read(into, call)
      expect(into).toEqual(numbered(9, 9))
    })

    it('warns before the end', async () => {
      const { drive } = await site()
      await drive.load(call)
      let written = 0
      while (!(await drive.write(numbered(0, 0), call)).isNearEnd) written += 1
      expect(written).toBeGreaterThan(5)
      expect(written).toBeLessThan(17)
      await drive.endFile(call)
      expect(drive.spot()).toEqual({ file: 1, block: 0 })
    })

    it('says that there is no cartridge', async () => {
      const { library, drive } = await site()
      await moveMedium(library.changer, { source: drive0, destination: slot0 }, call)
      await expect(drive.load(call)).rejects.toMatchObject({ code: 'E_MEDIA_NEEDED' })
    })

    it('refuses a write to a cartridge that is protected, and says so beforehand', async () => {
      const { library, drive } = await site()
      library.setWriteProtection('T1', true)
      expect(await drive.load(call)).toMatchObject({ isWriteProtected: true })
      await expect(drive.write(numbered(0, 0), call)).rejects.toMatchObject({ code: 'E_TARGET_READ_ONLY' })
    })
  })
}

/** What a drive does besides whose tape has an end. */
export function describeDriveAtItsEnd(title: string, site: MakeSite): void {
  describe(title, () => {
    it('takes what comes behind the warning, up to the end of the tape', async () => {
      const { drive } = await site()
      await drive.load(call)
      const overflow = (async () => {
        for (;;) await drive.write(numbered(0, 0), call)
      })()
      await expect(overflow).rejects.toMatchObject({ code: 'E_TARGET_FULL' })
      expect(drive.moves().writtenBytes).toBe(4 * 2 ** 20)
    })

    it('does not know where it is after an error, and refuses to go on before it was told where to go', async () => {
      const { library, drive } = await site()
      await drive.load(call)
      await fill(drive, [2])
      await drive.seek({ file: 0, block: 0 }, call)
      library.failNext(0, { opcode: 0x08, result: { key: 3, additional: 0x1100 } })
      const into = new Uint8Array(blockBytes)
      await expect(drive.read(into, call)).rejects.toMatchObject({
        code: 'E_DAMAGED',
        context: { device: drive.name },
      })
      expect(drive.spot()).toBeUndefined()
      await expect(drive.read(into, call)).rejects.toThrow(`${drive.name} does not know where its tape is.`)
      await drive.seek({ file: 0, block: 1 }, call)
      expect(await drive.read(into, call)).toEqual({ kind: 'block', bytes: blockBytes })
      expect(into).toEqual(numbered(0, 1))
    })

    it('says that a tape ends too soon', async () => {
      const { drive } = await site()
      await drive.load(call)
      await fill(drive, [1, 1])
      await expect(drive.seek({ file: 7, block: 0 }, call)).rejects.toThrow(drive.name)
      await expect(drive.seek({ file: 1, block: 9 }, call)).rejects.toMatchObject({ code: 'E_DAMAGED' })
    })
  })
}
