import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createChunkIndex, type IndexedPack, type IndexRun } from '../src/repository/chunk-index.js'
import { decodeIndex, encodeIndex } from '../src/repository/index-object.js'
import { idWords, indexRecordWords, readPlace, writePlace } from '../src/repository/index-record.js'
import { findRecord, mergeRecords, recordsAreSorted, sortRecords } from '../src/repository/sorted-records.js'

/** Ids that often share their first words: what hashes never do is where searching goes wrong. */
const ids = fc
  .tuple(fc.constantFrom(0, 1, 2, 0x7fffffff, 0xffffffff), fc.constantFrom(0, 4096, 8192), fc.nat(8))
  .map(([first, second, third]) => {
    const id = Buffer.alloc(32)
    id.writeUInt32LE(first, 0)
    id.writeUInt32LE(second, 4)
    id.writeUInt32LE(third, 28)
    return id
  })

const packId = (number: number) => number.toString(16).padStart(32, '0')
const packOf = (number: number, sizeBytes: number): IndexedPack => ({
  id: packId(number),
  kind: number % 2 === 0 ? 'data' : 'tree',
  sizeBytes,
  dataKeyId: number % 3 === 0 ? '' : '00112233aabbccdd',
  chain: [],
})
const placeIn = (pack: number, at: number) => ({
  pack,
  frameOffset: at + 1,
  frameBytes: 10,
  plainOffset: at,
  plainBytes: 5,
})

function runOf(entries: readonly { readonly id: Buffer; readonly pack: number; readonly at: number }[]): IndexRun {
  const numbers = [...new Set(entries.map(({ pack }) => pack))]
  const records = new Uint32Array(entries.length * indexRecordWords)
  entries.forEach(({ id, pack, at }, i) => {
    idWords(id, records.subarray(i * indexRecordWords, i * indexRecordWords + 8))
    writePlace(records, i * indexRecordWords, placeIn(numbers.indexOf(pack), at))
  })
  return { packs: numbers.map((number) => packOf(number, 1000)), records: sortRecords(records) }
}

const hex = (id: Uint8Array) => Buffer.from(id).toString('hex')

const steps = fc.array(
  fc.oneof(
    fc.record({ do: fc.constant('claim' as const), id: ids }),
    fc.record({ do: fc.constant('place' as const), id: ids, pack: fc.nat(3) }),
    fc.record({ do: fc.constant('seal' as const), pack: fc.nat(3) }),
    fc.record({ do: fc.constant('take' as const) }),
    fc.record({
      do: fc.constant('run' as const),
      entries: fc.array(fc.record({ id: ids, pack: fc.integer({ min: 10, max: 13 }), at: fc.nat(50) }), {
        maxLength: 12,
      }),
    }),
  ),
  { maxLength: 40 },
)

describe('the chunk index', () => {
  test('finds what a map would find, whatever came in which way', () => {
    fc.assert(
      fc.property(steps, fc.subarray([10, 11, 12, 13]), (list, excluded) => {
        const index = createChunkIndex(new Set(excluded.map(packId)))
        /** Places at which each chunk may be found; an empty set is a chunk that is being stored. */
        const model = new Map<string, Set<string>>()
        const unsealed = new Map<string, { readonly pack: number; readonly place: string }>()
        const sealed = new Set<number>()
        const numbers = new Map<number, number>()
        const numberOf = (pack: number) => numbers.get(pack) ?? index.addPack(packOf(pack, 0))
        let at = 0
        for (const step of list) {
          if (step.do === 'claim') {
            expect(index.claim(step.id)).toBe(!model.has(hex(step.id)))
            if (!model.has(hex(step.id))) model.set(hex(step.id), new Set())
          } else if (step.do === 'place') {
            // Only a chunk that was claimed and not stored yet gets a place, in a pack that is still open.
            if (model.get(hex(step.id))?.size !== 0 || sealed.has(step.pack)) continue
            const number = numberOf(step.pack)
            numbers.set(step.pack, number)
            at++
            index.place(step.id, placeIn(number, at))
            model.get(hex(step.id))?.add(`${packId(step.pack)} ${at}`)
            unsealed.set(hex(step.id), { pack: step.pack, place: `${packId(step.pack)} ${at}` })
          } else if (step.do === 'seal') {
            const number = numbers.get(step.pack)
            if (number === undefined) continue
            index.sealPack(number, 77)
            sealed.add(step.pack)
          } else if (step.do === 'take') {
            const taken = index.takeFresh()
            const ready = [...unsealed].filter(([, { pack }]) => sealed.has(pack))
            expect(placesOf(taken)).toEqual(new Map(ready.map(([id, { place }]) => [id, place])))
            for (const [id] of ready) unsealed.delete(id)
          } else {
            index.addRun(runOf(step.entries))
            for (const { id, pack, at: place } of step.entries) {
              if (excluded.includes(pack)) continue
              const known = model.get(hex(id)) ?? new Set<string>()
              // One that is claimed is looked for in its own pack alone.
              if (known.size > 0 || !model.has(hex(id))) known.add(`${packId(pack)} ${place}`)
              else continue
              model.set(hex(id), known)
            }
          }
        }
        const ordinals = new Set<number>()
        for (const [id, places] of model) {
          const found = index.find(Buffer.from(id, 'hex'))
          expect(index.has(Buffer.from(id, 'hex'))).toBe(true)
          if (places.size === 0) expect(found).toBeUndefined()
          else expect(places).toContain(found && `${found.packInfo.id} ${found.plainOffset}`)
          const ordinal = index.ordinalOf(Buffer.from(id, 'hex'))
          expect(ordinal).toBeGreaterThanOrEqual(0)
          expect(ordinal).toBeLessThan(index.ordinals())
          ordinals.add(ordinal)
        }
        expect(ordinals.size).toBe(model.size)
        const visited = new Set<string>()
        index.forEach((id) => visited.add(hex(id)))
        const stored = [...model].filter(([, places]) => places.size > 0).map(([id]) => id)
        for (const id of stored) expect(visited).toContain(id)
        expect(index.ordinalOf(Buffer.alloc(32, 0x5a))).toBe(-1)
      }),
      { numRuns: 300 },
    )
  })

  test('comes back from index objects as it went in', () => {
    const entries = fc.uniqueArray(fc.record({ id: ids, pack: fc.nat(5), at: fc.nat(1000) }), {
      selector: ({ id }) => hex(id),
      minLength: 1,
    })
    fc.assert(
      fc.property(entries, (list) => {
        const decoded = decodeIndex('index/x', Buffer.concat(encodeIndex(runOf(list))))
        expect(placesOf(decoded)).toEqual(new Map(list.map(({ id, pack, at }) => [hex(id), `${packId(pack)} ${at}`])))
        expect(decoded.packs.map(({ kind, dataKeyId }) => [kind, dataKeyId])).toEqual(
          runOf(list).packs.map(({ kind, dataKeyId }) => [kind, dataKeyId]),
        )
      }),
    )
  })
})

function placesOf(run: IndexRun | undefined): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  for (let at = 0; run !== undefined && at < run.records.length; at += indexRecordWords) {
    const { pack, plainOffset } = readPlace(run.records, at)
    const id = hex(new Uint8Array(run.records.buffer, run.records.byteOffset + at * 4, 32))
    found.set(id, `${run.packs[pack]?.id} ${plainOffset}`)
  }
  return found
}

describe('sorted records', () => {
  const lists = fc.uniqueArray(ids, { selector: hex, maxLength: 60 })
  const recordsOf = (list: readonly Buffer[]) => {
    const records = new Uint32Array(list.length * indexRecordWords)
    list.forEach((id, i) => {
      idWords(id, records.subarray(i * indexRecordWords, i * indexRecordWords + 8))
      records[i * indexRecordWords + 12] = i + 1
    })
    return records
  }

  test('are found when they are in, and only then', () => {
    fc.assert(
      fc.property(lists, ids, (list, other) => {
        const sorted = sortRecords(recordsOf(list))
        expect(recordsAreSorted(sorted)).toBe(true)
        list.forEach((id, i) => {
          const at = findRecord(sorted, idWords(id, new Uint32Array(8)))
          expect(sorted[at + 12]).toBe(i + 1)
        })
        const isIn = list.some((id) => id.equals(other))
        expect(findRecord(sorted, idWords(other, new Uint32Array(8))) >= 0).toBe(isIn)
      }),
    )
  })

  test('are the same sorted at once, in blocks, and merged', () => {
    fc.assert(
      fc.property(lists, fc.integer({ min: 1, max: 70 }), fc.nat(60), (list, block, cut) => {
        const plain = sortRecords(recordsOf(list))
        const all = (records: Uint32Array) =>
          new Set(
            Array.from({ length: records.length / indexRecordWords }, (_, i) =>
              records.slice(i * indexRecordWords, (i + 1) * indexRecordWords).join(),
            ),
          )
        const blocks = sortRecords(recordsOf(list), block)
        const records = recordsOf(list)
        const at = Math.min(cut, list.length) * indexRecordWords
        const merged = mergeRecords(sortRecords(records.subarray(0, at)), sortRecords(records.subarray(at)))
        for (const other of [blocks, merged]) {
          expect(recordsAreSorted(other)).toBe(true)
          expect(all(other)).toEqual(all(plain))
        }
      }),
    )
  })
})
