import { expect, it } from 'vitest'
import { guidOf, type VhdxVector, vhdxImage } from './support/vhdx-image.js'
import { dirtyVhdx, type LogChange, type LogEntrySpec, setLogId, writeLogEntry } from './support/vhdx-log.js'
import { collect, openBytes } from './support/vhdx-open.js'

const mebibyte = 2 ** 20
const sector = 4096
const filled = (byte: number, length = sector) => new Uint8Array(length).fill(byte)

/** A disk of one block of ones; what the log says to its bytes shows in what is read. Real logs change tables only. */
function vector(): VhdxVector {
  const made = vhdxImage({
    diskBytes: mebibyte,
    logBytes: mebibyte,
    blocks: [{ block: 0, state: 6, data: filled(1, mebibyte) }],
  })
  setLogId(made.bytes)
  return made
}

/** The first byte of each of the first sectors of the disk. */
async function firstBytes(bytes: Uint8Array, count = 6): Promise<number[]> {
  await using image = await openBytes(bytes)
  const read = new Uint8Array(count * sector)
  await image.read(0, read)
  return Array.from({ length: count }, (_, index) => read[index * sector] ?? -1)
}

/** Writes entries whose changes are counted in sectors from the start of the disk. */
function log(
  { bytes, placeOf }: VhdxVector,
  ...entries: readonly (Omit<LogEntrySpec, 'changes'> & { readonly changes: readonly LogChange[] })[]
): Uint8Array {
  for (const entry of entries)
    writeLogEntry(bytes, {
      ...entry,
      changes: entry.changes.map((change) => ({ ...change, at: placeOf(0) + change.at * sector })),
    })
  return bytes
}

it('reads through the log at any offset and length', async () => {
  const pattern = Uint8Array.from({ length: sector }, (_, at) => (at * 7 + (at >> 8)) & 0xff)
  const bytes = log(vector(), {
    sector: 3,
    sequence: 1n,
    tail: 3,
    changes: [
      { at: 1, bytes: pattern },
      { at: 3, zeros: 2 * sector },
    ],
  })
  const expected = filled(1, 8 * sector)
  expected.set(pattern, sector)
  expected.fill(0, 3 * sector, 5 * sector)
  await using image = await openBytes(bytes)
  for (const offset of [0, 1, 4095, 4096, 4097, 4103, 4104, 4105, 8187, 8188, 8191, 8192, 12_287, 12_288, 20_479])
    for (const length of [1, 7, 8, 9, 4096, 9000]) {
      const read = new Uint8Array(length).fill(0xee)
      await image.read(offset, read)
      expect(Buffer.compare(read, expected.subarray(offset, offset + length)), `${length} at ${offset}`).toBe(0)
    }
})

it('lets later updates hide earlier ones, within an entry and across entries', async () => {
  const bytes = log(
    vector(),
    {
      sector: 0,
      sequence: 5n,
      tail: 0,
      changes: [
        { at: 0, bytes: filled(2) },
        { at: 1, bytes: filled(3) },
        { at: 1, bytes: filled(4) },
        { at: 2, zeros: 2 * sector },
      ],
    },
    {
      sector: 4,
      sequence: 6n,
      tail: 0,
      changes: [
        { at: 0, zeros: sector },
        { at: 3, bytes: filled(5) },
      ],
    },
  )
  expect(await firstBytes(bytes)).toEqual([0, 4, 0, 5, 1, 1])
})

it('replays from the tail on: what lies before it was done', async () => {
  const bytes = log(
    vector(),
    { sector: 0, sequence: 5n, tail: 0, changes: [{ at: 0, bytes: filled(2) }] },
    { sector: 2, sequence: 6n, tail: 2, changes: [{ at: 1, bytes: filled(3) }] },
  )
  expect(await firstBytes(bytes, 3)).toEqual([1, 3, 1])
})

it('takes the newest of several sequences', async () => {
  const bytes = log(
    vector(),
    { sector: 200, sequence: 40n, tail: 200, changes: [{ at: 0, bytes: filled(2) }] },
    { sector: 0, sequence: 30n, tail: 0, changes: [{ at: 0, bytes: filled(3) }] },
  )
  expect(await firstBytes(bytes, 1)).toEqual([2])
})

it('takes an older sequence when the newest one has lost its tail', async () => {
  const bytes = log(
    vector(),
    { sector: 0, sequence: 30n, tail: 0, changes: [{ at: 0, bytes: filled(3) }] },
    { sector: 100, sequence: 41n, tail: 98, changes: [{ at: 0, bytes: filled(2) }] },
  )
  expect(await firstBytes(bytes, 1)).toEqual([3])
})

it('ends a sequence where the numbers do not go on', async () => {
  const bytes = log(
    vector(),
    { sector: 0, sequence: 30n, tail: 0, changes: [{ at: 0, bytes: filled(3) }] },
    { sector: 2, sequence: 29n, tail: 2, changes: [{ at: 0, bytes: filled(2) }] },
  )
  expect(await firstBytes(bytes, 1)).toEqual([3])
})

it('ends a sequence where a number is left out', async () => {
  const bytes = log(
    vector(),
    { sector: 0, sequence: 30n, tail: 0, changes: [{ at: 0, bytes: filled(3) }] },
    { sector: 2, sequence: 32n, tail: 0, changes: [{ at: 0, bytes: filled(2) }] },
  )
  expect(await firstBytes(bytes, 1)).toEqual([3])
})

it('does not count entries of an earlier session', async () => {
  const bytes = log(
    vector(),
    { sector: 0, sequence: 30n, tail: 0, changes: [{ at: 0, bytes: filled(3) }] },
    { sector: 2, sequence: 31n, tail: 0, logId: guidOf(3), changes: [{ at: 0, bytes: filled(2) }] },
  )
  expect(await firstBytes(bytes, 1)).toEqual([3])
})

it.each([
  ['header', 40],
  ['descriptor', 70],
  ['data sector', 4096 + 3000],
])('does not count an entry with a torn %s', async (_what, at) => {
  const made = vector()
  const bytes = log(
    made,
    { sector: 0, sequence: 30n, tail: 0, changes: [{ at: 0, bytes: filled(3) }] },
    { sector: 2, sequence: 31n, tail: 0, changes: [{ at: 0, bytes: filled(2) }] },
  )
  bytes[made.logAt + 2 * sector + at]! ^= 0x10
  expect(await firstBytes(bytes, 1)).toEqual([3])
})

it('takes an entry without updates: a log that was begun and not used', async () => {
  expect(await firstBytes(log(vector(), { sector: 9, sequence: 1n, tail: 9, changes: [] }), 1)).toEqual([1])
})

it('reads descriptors past the first sector of an entry', async () => {
  const changes = Array.from({ length: 130 }, (_, at) => ({ at: at % 200, bytes: filled(10 + (at % 240)) }))
  const bytes = log(vector(), { sector: 250, sequence: 1n, tail: 250, changes })
  const read = await firstBytes(bytes, 131)
  expect(read).toEqual([...changes.map((_, at) => 10 + at), 1])
})

it('fills the whole ring with one sequence', async () => {
  const entries = Array.from({ length: 128 }, (_, index) => ({
    sector: (40 + 2 * index) % 256,
    sequence: BigInt(7 + index),
    tail: 40,
    changes: [{ at: index % 3, bytes: filled(index + 2) }],
  }))
  expect(await firstBytes(log(vector(), ...entries), 4)).toEqual([128, 129, 127, 1])
})

it('lets the file grow to what the log says', async () => {
  const made = vhdxImage({ diskBytes: 2 * mebibyte, logBytes: mebibyte })
  const { batAt, logAt } = made
  const grown = 5 * mebibyte
  const table = new Uint8Array(sector)
  new DataView(table.buffer).setBigUint64(0, BigInt(grown) | 6n, true)
  setLogId(made.bytes)
  writeLogEntry(made.bytes, {
    sector: 0,
    sequence: 1n,
    tail: 0,
    changes: [{ at: batAt, bytes: table }],
    lastBytes: grown + mebibyte,
  })
  expect(logAt).toBe(mebibyte)
  await using image = await openBytes(made.bytes)
  const [first] = await collect(image.extents())
  expect(first).toEqual({ offset: 0, length: mebibyte, kind: 'data', depth: 0 })
  const read = filled(1, mebibyte)
  await image.read(0, read)
  expect(Buffer.compare(read, new Uint8Array(mebibyte))).toBe(0)
})

it('tells that a log was replayed', async () => {
  const clean = vhdxImage({
    diskBytes: mebibyte,
    logBytes: mebibyte,
    blocks: [{ block: 0, state: 6, data: filled(1, mebibyte) }],
  })
  await using image = await openBytes(dirtyVhdx(clean.bytes))
  expect(image.layers[0].details['replayedLogEntries']).toBe(1)
  expect(await collect(image.problems())).toEqual([
    {
      severity: 'note',
      message: 'It was not closed cleanly: 1 entries of its log were replayed in memory',
      offset: mebibyte,
      file: 'disk.vhdx',
    },
  ])
})

it('refuses entries that overlap so often that checking them would take long', async () => {
  const made = vector()
  for (let at = 0; at < 256; at++) writeLogEntry(made.bytes, { sector: at, sequence: 1n, tail: at, changes: [] })
  const view = new DataView(made.bytes.buffer)
  for (let at = 0; at < 256; at++) view.setUint32(made.logAt + at * sector + 8, 256 * sector, true)
  await expect(openBytes(made.bytes)).rejects.toMatchObject({
    code: 'limit',
    message: expect.stringContaining('overlap'),
  })
})

it('refuses more updates than it keeps in mind', async () => {
  const made = vhdxImage({ diskBytes: mebibyte, logBytes: 4 * mebibyte })
  setLogId(made.bytes)
  const changes = Array.from({ length: 65_537 }, () => ({ at: made.batAt, zeros: sector }))
  writeLogEntry(made.bytes, { sector: 0, sequence: 1n, tail: 0, changes })
  await expect(openBytes(made.bytes)).rejects.toMatchObject({
    code: 'limit',
    message: expect.stringContaining('65537 updates'),
  })
})
