import { moveMedium } from '@holdfast/protocol-iscsi/scsi'
import { describe, expect, it } from 'vitest'
import { blockBytes } from '../../src/layout/block.js'
import { openStDrive } from '../../src/linux/st-drive.js'
import { call, drive0, fill, numbered, slot0 } from '../drive-table.js'
import { stSite } from './sites.js'

const into = new Uint8Array(blockBytes)

describe('a drive behind st', () => {
  it('tells an empty tape from one that cannot be read at its beginning', async () => {
    const { library, drive } = await stSite()
    await drive.load(call)
    expect(await drive.read(into, call)).toEqual({ kind: 'end-of-data' })
    expect(drive.spot()).toEqual({ file: 0, block: 0 })
    await drive.write(numbered(0, 0), call)
    await drive.seek({ file: 0, block: 0 }, call)
    library.damageBlock('T1', 0)
    await expect(drive.read(into, call)).rejects.toMatchObject({ code: 'E_DAMAGED' })
    expect(drive.spot()).toBeUndefined()
  })

  it('does not take the last block of a tape for its end when it cannot be read', async () => {
    const content = [numbered(0, 0), numbered(0, 1)]
    const { library, drive } = await stSite({ cartridges: [{ barcode: 'T1', sizeBytes: 4 * 2 ** 20, content }] })
    await drive.load(call)
    library.damageBlock('T1', 1)
    await drive.seek({ file: 0, block: 1 }, call)
    await expect(drive.read(into, call)).rejects.toMatchObject({ code: 'E_DAMAGED' })
    await drive.seek({ file: 0, block: 2 }, call)
    expect(await drive.read(into, call)).toEqual({ kind: 'end-of-data' })
  })

  it('tells the end of the data behind a block as well, as often as it is asked', async () => {
    const { drive } = await stSite()
    await drive.load(call)
    await drive.write(numbered(0, 0), call)
    for (let time = 0; time < 3; time++) expect(await drive.read(into, call)).toEqual({ kind: 'end-of-data' })
    expect(drive.spot()).toEqual({ file: 0, block: 1 })
  })

  it('goes behind a block that is longer than the memory', async () => {
    const { drive } = await stSite()
    await drive.load(call)
    await drive.write(numbered(0, 0), call)
    await drive.write(numbered(0, 1), call)
    await drive.endFile(call)
    await drive.seek({ file: 0, block: 0 }, call)
    expect(await drive.read(new Uint8Array(512), call)).toEqual({ kind: 'other-block' })
    expect(drive.spot()).toEqual({ file: 0, block: 1 })
    expect(await drive.read(into, call)).toEqual({ kind: 'block', bytes: blockBytes })
    expect(into).toEqual(numbered(0, 1))
  })

  it('takes every block once behind the warning, where the driver refuses every other write', async () => {
    const { library, drive } = await stSite()
    await drive.load(call)
    const taken: number[] = []
    for (let block = 0; taken.length < 2; block++) {
      if ((await drive.write(numbered(0, block % 16), call)).isNearEnd) taken.push(block)
    }
    expect(await drive.endFile(call)).toEqual({ isNearEnd: true })
    const { objects } = library.cartridge('T1')
    expect(objects.length).toBe((taken[1] ?? 0) + 2)
    await drive.seek({ file: 0, block: 0 }, call)
    for (let block = 0; block <= (taken[1] ?? 0); block++) {
      expect(await drive.read(into, call)).toMatchObject({ kind: 'block' })
      expect(into[0]).toBe((block % 16) + 1)
    }
  })

  it('says that a filemark has no room either', async () => {
    const { library, drive } = await stSite()
    await drive.load(call)
    await drive.write(numbered(0, 0), call)
    library.failNext(0, { opcode: 0x10, result: { key: 0xd, additional: 0x0002, endOfMedium: true, information: 1 } })
    await expect(drive.endFile(call)).rejects.toMatchObject({ code: 'E_TARGET_FULL' })
  })

  it('sets blocks of variable length, whatever somebody else has set', async () => {
    const { library, drive } = await stSite({ readyAfterCommands: 0 })
    const fixed = Uint8Array.of(0, 0, 0x10, 8, 0, 0, 0, 0, 0, 0, 2, 0)
    const command = { cdb: Uint8Array.of(0x15, 0x10, 0, 0, 12, 0), dataOut: fixed }
    expect(await library.drives[0]?.execute(command, call)).toMatchObject({ status: 0 })
    await drive.load(call)
    await drive.write(new Uint8Array(700), call)
    await drive.endFile(call)
    expect(library.cartridge('T1').objects.map((each) => each.length)).toEqual([700, 'filemark'.length])
  })

  it('waits for a cartridge that is still on its way, and takes one back in that was let go of', async () => {
    const { drive } = await stSite({ readyAfterCommands: 5 })
    await drive.load(call)
    await drive.unload(call)
    expect(drive.spot()).toBeUndefined()
    await drive.load(call)
    expect(drive.spot()).toEqual({ file: 0, block: 0 })
    expect(drive.moves().loads).toBe(2)
  })

  it('lets go of a cartridge that somebody else has loaded, so that the arm can take it', async () => {
    const { library, drive } = await stSite({ supports: { moveWithoutUnload: false } })
    await drive.unload(call)
    await moveMedium(library.changer, { source: drive0, destination: slot0 }, call)
    expect(library.cartridge('T1').address).toBe(slot0)
  })

  it('stops waiting at an abort', async () => {
    const { drive } = await stSite({ readyAfterCommands: 1_000_000 })
    const abort = new AbortController()
    setTimeout(() => abort.abort(new Error('enough')), 20)
    await expect(drive.load({ signal: abort.signal })).rejects.toThrow()
    expect(abort.signal.aborted).toBe(true)
  })

  it('counts blocks that it goes over from any place, and stops at the end of the data', async () => {
    const { drive } = await stSite()
    await drive.load(call)
    await fill(drive, [2, 4, 1])
    for (const block of [0, 1, 3, 4]) {
      await drive.seek({ file: 1, block }, call)
      expect(await drive.skip(9, call)).toBe(4 - block)
      expect(drive.spot()).toEqual({ file: 2, block: 0 })
    }
    expect(await drive.skip(1, call)).toBe(1)
    await drive.seek({ file: 3, block: 0 }, call)
    expect(await drive.skip(3, call)).toBe(0)
    expect(drive.spot()).toEqual({ file: 3, block: 0 })
  })

  it('says when blocks cannot be gone over, and takes no error for a filemark', async () => {
    const { library, drive } = await stSite()
    await drive.load(call)
    await fill(drive, [2, 4, 1])
    const unreadable = { key: 3, additional: 0x1100, information: 2 }
    await drive.seek({ file: 1, block: 0 }, call)
    library.failNext(0, { opcode: 0x11, result: unreadable })
    await expect(drive.skip(2, call)).rejects.toMatchObject({ code: 'E_TARGET_IO' })
    expect(drive.spot()).toBeUndefined()
    await drive.seek({ file: 1, block: 0 }, call)
    expect(await drive.read(into, call)).toMatchObject({ kind: 'block' })
    expect(into).toEqual(numbered(1, 0))
    // The way back succeeds; the steps fail at the beginning of a file, which looks like a filemark.
    await drive.seek({ file: 1, block: 0 }, call)
    library.failNext(0, { opcode: 0x11, afterCommands: 2, result: { ...unreadable, information: 1 }, times: 9 })
    await expect(drive.skip(9, call)).rejects.toMatchObject({ code: 'E_TARGET_IO' })
  })

  it('is open once only, and leaves the device to others when it is closed', async () => {
    const { kernel, drive } = await stSite()
    await expect(openStDrive('/dev/nst0', kernel)).rejects.toMatchObject({ code: 'E_REPOSITORY_BUSY' })
    await drive.close()
    expect(kernel.openFiles()).toBe(0)
    await (await openStDrive('/dev/nst0', kernel)).close()
  })
})
