import { describe, expect, it } from 'vitest'
import { encodeCowd } from './support/vmdk-cowd.js'
import { descriptorText } from './support/vmdk-descriptor.js'
import { problemsOf } from './support/vmdk-files.js'
import { bytesFrom, expectRefused, openFiles, patched, smallDisk, testDisk } from './support/vmdk-memory.js'
import { encodeSeSparse } from './support/vmdk-se-sparse.js'

const sectors = testDisk.byteLength / 512

describe('COWD and seSparse', () => {
  const cowd = (bytes: Uint8Array) => ({
    disk: descriptorText('vmfsSparse', [`RW ${sectors} VMFSSPARSE "x-delta.vmdk"`]),
    'x-delta.vmdk': bytes,
  })
  const seSparse = (bytes: Uint8Array) => ({
    disk: descriptorText('seSparse', [`RW ${sectors} SESPARSE "x-sesparse.vmdk"`]),
    'x-sesparse.vmdk': bytes,
  })
  /** Where the encoder puts the first table: behind 16 sectors and one of the directory. */
  const seTable = 17 * 512

  it.each([1, 2, 8, 128])('COWD with grains of %i sectors', async (grainSectors) => {
    const files = cowd(encodeCowd(testDisk, { grainSectors }))
    expect(Buffer.compare(await bytesFrom(files), testDisk)).toBe(0)
    await using image = await openFiles(files)
    expect(await problemsOf(image)).toEqual([])
  })

  it('COWD tells of space that is lost', async () => {
    const bytes = encodeCowd(testDisk)
    // The first table's entry of sector 128, the first that is stored.
    await using image = await openFiles(cowd(patched(bytes, [[2560 + 128 * 4, 4, 0]])))
    expect(await problemsOf(image)).toEqual([{ severity: 'leak', message: expect.stringMatching(/: 512 bytes/) }])
  })

  it('COWD notes an unclean shutdown, and does not mourn space that VMFS gave in advance', async () => {
    const bytes = new Uint8Array(2 ** 20)
    bytes.set(encodeCowd(testDisk, { unclean: true }))
    await using image = await openFiles(cowd(bytes))
    expect(await problemsOf(image)).toEqual([
      { severity: 'note', message: expect.stringMatching(/not closed cleanly/) },
    ])
  })

  it.each([
    ['version 2', [[4, 4, 2]], 'unsupported', /version 2/],
    ['another capacity', [[12, 4, sectors + 1]], 'corrupt', /its header 1282/],
    ['grains of 3 sectors', [[16, 4, 3]], 'corrupt', /no power of two/],
    ['a directory in the header', [[20, 4, 1]], 'corrupt', /within the header/],
    ['a directory behind the file', [[20, 4, 2 ** 31]], 'corrupt', /the grain directory at/],
    ['a directory that is too small', [[24, 4, 0]], 'corrupt', /0 entries, 1 are needed/],
    ['a table behind the file', [[2048, 4, 2 ** 31]], 'corrupt', /grain table 0 at/],
    ['a grain in the header', [[2560 + 128 * 4, 4, 3]], 'corrupt', /grain 128 /],
  ] as const)('COWD with %s is refused', async (_name, changes, code, message) => {
    await expectRefused(cowd(patched(encodeCowd(testDisk), changes)), code, message, 'x-delta.vmdk')
  })

  it('seSparse with grains in all states', async () => {
    const states = ['allocated', 'zero', 'unmapped', 'unallocated'] as const
    const files = seSparse(
      encodeSeSparse(testDisk, { stateOf: (index) => states[index % 4] ?? 'unallocated', firstGrain: 5000 }),
    )
    const bytes = await bytesFrom(files)
    for (let at = 0; at < testDisk.byteLength; at += 4096) {
      const wanted =
        at % 16_384 === 0 ? testDisk.subarray(at, at + 4096) : new Uint8Array(Math.min(4096, testDisk.byteLength - at))
      expect(Buffer.compare(bytes.subarray(at, at + 4096), wanted)).toBe(0)
    }
    await using image = await openFiles(files)
    const kinds = []
    for await (const { kind, length } of image.extents({ offset: 0, length: 16_384 })) kinds.push([kind, length])
    expect(kinds).toEqual([
      ['data', 4096],
      ['zero', 8192],
      ['unallocated', 4096],
    ])
    expect(await problemsOf(image)).toEqual([])
  })

  it('seSparse finds its tables by their numbers', async () => {
    const large = smallDisk(17 * 2 ** 20)
    const text = descriptorText('seSparse', [`RW ${large.byteLength / 512} SESPARSE "x"`])
    expect(Buffer.compare(await bytesFrom({ disk: text, x: encodeSeSparse(large) }), large)).toBe(0)
  })

  it.each([
    ['another signature', [[0, 8, 0xcafebabf]], 'corrupt', /no header of a space-efficient/],
    ['another version', [[8, 8, 0x2_0000_0002n]], 'unsupported', /version 0x200000002/],
    ['other grains', [[24, 8, 16]], 'unsupported', /grains have 16 sectors/],
    ['other tables', [[32, 8, 32]], 'unsupported', /tables have 32 sectors/],
    ['flags', [[40, 8, 1]], 'unsupported', /flags 0x1/],
    ['a reserved field', [[72, 8, 1]], 'unsupported', /reserved/],
    ['a reserved field at the end', [[504, 8, 1]], 'unsupported', /reserved/],
    ['another volatile header', [[512, 8, 0]], 'corrupt', /volatile header has no signature/],
    ['a reserved volatile field', [[1016, 8, 1]], 'unsupported', /volatile header uses reserved/],
    ['a journal to replay', [[512 + 24, 8, 1]], 'unsupported', /journal was not replayed/],
    ['a directory that is too small', [[136, 8, 0]], 'corrupt', /room for 0 entries/],
    ['tables behind the file', [[144, 8, 2 ** 40]], 'corrupt', /the area of grain tables/],
    [
      'a directory entry without meaning',
      [[16 * 512 + 4, 4, 0x2000_0000]],
      'corrupt',
      /0x2000000000000000, which has no meaning/,
    ],
    ['a table that is not there', [[16 * 512, 4, 1]], 'corrupt', /a grain table is 32768 bytes into/],
    ['a grain of state 4', [[seTable + 4, 4, 0x4000_0000]], 'corrupt', /has no meaning/],
    ['an absent grain with a number', [[seTable, 4, 1]], 'corrupt', /has no meaning/],
    ['a grain that is not there', [[seTable + 4, 4, 0x3fff_0000]], 'corrupt', /a grain is 16773120 bytes into/],
  ] as const)('seSparse with %s is refused', async (_name, changes, code, message) => {
    await expectRefused(seSparse(patched(encodeSeSparse(testDisk), changes)), code, message, 'x-sesparse.vmdk')
  })
})
