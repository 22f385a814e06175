import { describe, expect, it } from 'vitest'
import { openFilesystem } from '../src/open-filesystem.js'
import { recognise } from '../src/recognise.js'
import { fatBuilder } from './support/fat-builder.js'
import { memorySource, unaborted } from './support/memory-source.js'

function diskWith(offset: number, text: string) {
  const bytes = new Uint8Array(131_072)
  bytes.set(
    Array.from(text, (character) => character.charCodeAt(0)),
    offset,
  )
  return memorySource(bytes)
}

describe('what is on a disk is recognised', () => {
  it.each([
    ['ntfs', 3, 'NTFS    '],
    ['xfs', 0, 'XFSB'],
    ['ext', 1080, '\x53\xef'],
  ])('%s', async (kind, offset, text) => {
    expect(await recognise(diskWith(offset, text), unaborted)).toEqual({ is: 'filesystem', kind })
    await expect(openFilesystem(diskWith(offset, text), unaborted)).rejects.toMatchObject({
      code: expect.stringMatching(/damaged|unsupported/),
    })
  })

  it('fat', async () => {
    const disk = memorySource(fatBuilder(10).bytes)
    expect(await recognise(disk, unaborted)).toEqual({ is: 'filesystem', kind: 'fat' })
    expect((await openFilesystem(disk, unaborted)).kind).toBe('fat')
  })

  it.each([
    ['exFAT', 3, 'EXFAT   '],
    ['BitLocker', 3, '-FVE-FS-'],
    ['ReFS', 3, 'ReFS\0'],
    ['LUKS', 0, 'LUKS\xba\xbe'],
    ['LVM', 512, 'LABELONE'],
    ['RAID', 4096, '\xfc\x4e\x2b\xa9'],
    ['Btrfs', 65_600, '_BHRfS_M'],
    ['swap', 4086, 'SWAPSPACE2'],
  ])('%s, which is refused by its name', async (name, offset, text) => {
    const refused = expect.objectContaining({ code: 'unsupported', message: expect.stringContaining(name) })
    await expect(openFilesystem(diskWith(offset, text), unaborted)).rejects.toEqual(refused)
  })

  it('and what is not known is said to be so, however small the disk', async () => {
    for (const size of [0, 1, 511, 512, 1024, 1500, 131_072]) {
      const disk = memorySource(new Uint8Array(size))
      expect(await recognise(disk, unaborted)).toEqual({ is: 'unknown' })
      await expect(openFilesystem(disk, unaborted)).rejects.toMatchObject({ code: 'unrecognised' })
    }
  })
})
