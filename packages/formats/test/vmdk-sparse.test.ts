import { describe, expect, it } from 'vitest'
import { vmdkCodec } from '../src/vmdk/index.js'
import { memoryFile } from './support/memory-file.js'
import { descriptorText } from './support/vmdk-descriptor.js'
import { problemsOf } from './support/vmdk-files.js'
import {
  bytesFrom,
  bytesOf,
  expectRefused,
  oneFile,
  openFiles,
  patched,
  reworded,
  testDisk,
  vmdkFiles,
} from './support/vmdk-memory.js'

const grain = 65_536
const sectors = testDisk.byteLength / 512
/** Sectors of a monolithicSparse of that size: descriptor, directory and table twice. */
const place = { redundantDirectory: 21, redundantTable: 22, directory: 26, table: 27 }
const flat = (lines: readonly string[], further = {}) => descriptorText('custom', lines, further)

describe('hosted sparse extents', () => {
  it('are the disk whatever name their descriptor states', async () => {
    const renamed = await oneFile({ name: 'other.vmdk' })
    expect(Buffer.compare(await bytesFrom({ disk: renamed }), testDisk)).toBe(0)
  })

  it('may only carry the descriptor of other files', async () => {
    const text = `${flat([`RW ${sectors} FLAT "f" 0`])}\0`
    const container = patched(await oneFile(), [[12, 8, 0]])
    container.fill(0, 512, 512 * 21)
    container.set(bytesOf(text), 512)
    expect(Buffer.compare(await bytesFrom({ disk: container, f: testDisk }), testDisk)).toBe(0)
  })

  it.each([
    ['version 9', [[4, 4, 9]], 'unsupported', /version 9/],
    ['an unknown flag', [[8, 4, 0x0010_0003]], 'unsupported', /flags 0x100000/],
    [
      'compression without markers',
      [
        [8, 4, 0x1_0003],
        [77, 2, 1],
      ],
      'unsupported',
      /without markers/,
    ],
    [
      'an unknown compression',
      [
        [8, 4, 0x3_0003],
        [77, 2, 2],
      ],
      'unsupported',
      /compression 2/,
    ],
    ['compression that nothing uses', [[77, 2, 1]], 'unsupported', /compression 1/],
    ['changed line ends', [[75, 1, 0x0a]], 'corrupt', /text mode/],
    ['grains of 100 sectors', [[20, 8, 100]], 'corrupt', /no power of two/],
    ['grains of 1 GiB', [[20, 8, 2 ** 21]], 'limit', /2097152 sectors/],
    ['tables of 500 entries', [[44, 4, 500]], 'unsupported', /500 entries/],
    ['tables of 64 entries', [[44, 4, 64]], 'unsupported', /64 entries/],
    ['less capacity than the descriptor says', [[12, 8, sectors - 1]], 'corrupt', /its header 1280/],
    ['a grain more than the descriptor says', [[12, 8, sectors + 128]], 'corrupt', /its header 1409/],
    ['a capacity beyond every disk', [[12, 8, 2n ** 52n]], 'limit', /claims/],
    ['a capacity beyond every number', [[12, 8, 2n ** 60n]], 'corrupt', /claims/],
    ['a descriptor behind the file', [[28, 8, 2 ** 30]], 'corrupt', /the descriptor at/],
    ['a huge descriptor', [[36, 8, 2 ** 20]], 'limit', /536870912 bytes long/],
    [
      'no redundant directory and one in the header',
      [
        [8, 4, 1],
        [56, 8, 0],
      ],
      'corrupt',
      /within the header/,
    ],
    [
      'no redundant directory and one behind the file',
      [
        [8, 4, 1],
        [56, 8, 2 ** 30],
      ],
      'corrupt',
      /the grain directory/,
    ],
    [
      'both directories behind the file',
      [
        [48, 8, 2 ** 30],
        [56, 8, 2 ** 31],
      ],
      'corrupt',
      /the grain directory at 1099511627776/,
    ],
    ['a directory at the end without a footer', [[56, 8, 2n ** 64n - 1n]], 'corrupt', /no footer/],
    ['a grain behind the file', [[place.table * 512 + 4, 4, 2 ** 31]], 'corrupt', /grain 1 .* is not within/],
    ['a grain in the descriptor', [[place.table * 512 + 4, 4, 20]], 'corrupt', /grain 1 .* is not within/],
    [
      'a zeroed grain that the header does not allow',
      [[place.table * 512 + 4, 4, 1]],
      'corrupt',
      /grain 1 .* is not within/,
    ],
  ] as const)('are refused with %s', async (_name, changes, code, message) => {
    await expectRefused({ disk: patched(await oneFile(), changes) }, code, message)
  })

  it('may round their capacity up to a grain; the descriptor counts', async () => {
    const rounded = patched(await oneFile(), [[12, 8, 11 * 128]])
    expect(Buffer.compare(await bytesFrom({ disk: rounded }), testDisk)).toBe(0)
  })

  it('read zeroed grains as zeros when the header allows them', async () => {
    const zeroed = patched(await oneFile(), [
      [8, 4, 7],
      [place.table * 512 + 4, 4, 1],
    ])
    const bytes = await bytesFrom({ disk: zeroed })
    expect(bytes.subarray(grain, 2 * grain).every((byte) => byte === 0)).toBe(true)
    expect(Buffer.compare(bytes.subarray(2 * grain), testDisk.subarray(2 * grain))).toBe(0)
  })

  it('are one run where their grains lie in a row', async () => {
    const full = new Uint8Array(8 * grain).fill(1)
    const files = await vmdkFiles(full)
    const layer = await vmdkCodec.open(memoryFile('disk', files['disk']).named(), async () => undefined)
    const runs = []
    for await (const { kind, offset, length } of layer.runs(512, full.byteLength - 1024))
      runs.push([kind, offset, length])
    expect(runs).toEqual([['stored', 512, full.byteLength - 1024]])
  })

  it('are refused when cut within the last grain', async () => {
    const bytes = await oneFile()
    await expectRefused({ disk: bytes.subarray(0, bytes.byteLength - grain) }, 'corrupt', /grain 10/)
  })

  it.each([
    ['lies behind the file', [[56, 8, 2 ** 30]]],
    ['leads out of the file', [[place.directory * 512, 4, 2 ** 30]]],
    ['leads into the descriptor', [[place.directory * 512, 4, 3]]],
  ] as const)('use the redundant directory when the primary one %s, and say so', async (_name, changes) => {
    const files = { disk: patched(await oneFile(), changes) }
    expect(Buffer.compare(await bytesFrom(files), testDisk)).toBe(0)
    await using image = await openFiles(files)
    expect(image.layers[0].details['redundantDirectoryUsed']).toBe(true)
    expect(await problemsOf(image)).toContainEqual({
      severity: 'corrupt',
      message: expect.stringMatching(/redundant one is used/),
    })
  })
})

describe('check of hosted sparse extents', () => {
  const tableEntry = (index: number) => place.table * 512 + 4 * index
  const copyEntry = (index: number) => place.redundantTable * 512 + 4 * index

  it.each([
    [
      'a shared grain',
      [
        [tableEntry(5), 4, 128],
        [copyEntry(5), 4, 128],
      ],
      'corrupt',
      /^grain 5 lies where/,
    ],
    [
      'overlapping grains',
      [
        [tableEntry(5), 4, 129],
        [copyEntry(5), 4, 129],
      ],
      'corrupt',
      /^grain 5 lies where/,
    ],
    [
      'a grain in a table',
      [
        [tableEntry(0), 4, 27],
        [copyEntry(0), 4, 27],
      ],
      'corrupt',
      /^grain 0 lies where/,
    ],
    [
      'a grain behind the file',
      [
        [tableEntry(0), 4, 2 ** 30],
        [copyEntry(0), 4, 2 ** 30],
      ],
      'corrupt',
      /^grain 0 .*not within/,
    ],
    [
      'a lost grain',
      [
        [tableEntry(1), 4, 0],
        [copyEntry(1), 4, 0],
      ],
      'leak',
      /^65536 bytes of the file/,
    ],
    ['copies that differ', [[copyEntry(7), 4, 500]], 'corrupt', /grain table 0.* and its redundant copy differ/],
    ['a copy that is missing', [[place.redundantDirectory * 512, 4, 0]], 'corrupt', /its redundant copy differ/],
    ['tables that are one', [[place.redundantDirectory * 512, 4, place.table]], 'corrupt', /^grain table 0 lies where/],
    ['a broken redundant directory', [[48, 8, 2 ** 30]], 'note', /redundant grain directory cannot be read/],
    ['an unclean shutdown', [[72, 1, 1]], 'note', /not closed cleanly/],
  ] as const)('finds %s', async (_name, changes, severity, message) => {
    await using image = await openFiles({ disk: patched(await oneFile(), changes) })
    expect(await problemsOf(image)).toContainEqual({ severity, message: expect.stringMatching(message) })
  })

  it('names the file of an extent', async () => {
    const files = await vmdkFiles(testDisk, { kind: 'twoGbMaxExtentSparse' })
    const extent = patched(files['disk-s001.vmdk'] ?? new Uint8Array(), [[72, 1, 1]])
    await using image = await openFiles({ ...files, 'disk-s001.vmdk': extent })
    expect((await problemsOf(image)).map(({ message }) => message)).toEqual([
      expect.stringMatching(/^disk-s001\.vmdk: it was not closed cleanly/),
    ])
    expect(image.layers[0].details['uncleanShutdown']).toBe(true)
  })

  it('ends soon when many entries of the directory lead to one table', async () => {
    // 1024 tables' worth of disk; the file has room for few.
    const bytes = await oneFile()
    const entries = 1024
    const wide = new Uint8Array(bytes.byteLength + entries * 4)
    wide.set(bytes)
    const view = new DataView(wide.buffer)
    for (let i = 0; i < entries; i++) view.setUint32(bytes.byteLength + 4 * i, place.table, true)
    const capacity = entries * 512 * 128
    const large = patched(reworded(wide, `RW ${sectors} `, `RW ${capacity} `), [
      [8, 4, 1],
      [12, 8, capacity],
      [56, 8, bytes.byteLength / 512],
    ])
    await using image = await openFiles({ disk: large })
    const walk = async () => {
      for await (const extent of image.extents()) void extent
    }
    await expect(walk()).rejects.toMatchObject({ code: 'corrupt', message: /more of grain tables than/ })
    await expect(problemsOf(image)).rejects.toMatchObject({ code: 'corrupt' })
  })
})
