import fc from 'fast-check'
import { expect, it } from 'vitest'
import { changedAreas, connectVim, integerAt, moRef } from '../src/index.js'
import { fakeFault, fakeVsphere } from '../src/testing/index.js'

const login = { user: 'user', password: 'pass' }
const capacityBytes = 10_000_000_000_000
const query = {
  machine: moRef('VirtualMachine', 'vm-1'),
  snapshot: moRef('VirtualMachineSnapshot', 'snapshot-2'),
  deviceKey: 2000,
  changeId: '52 aa/3',
  capacityBytes,
}

async function areasFrom(answer: (startOffset: number) => object) {
  await using server = await fakeVsphere({
    methods: { QueryChangedDiskAreas: ({ args }) => answer(integerAt(args, 'startOffset') ?? -1) as never },
  })
  await using session = await connectVim(server.address, login)
  const areas = []
  for await (const area of changedAreas(session, query)) areas.push(area)
  return areas
}

it('asks on until all of the disk was told', async () => {
  const page = capacityBytes / 4
  const areas = await areasFrom((startOffset) => ({
    startOffset,
    length: page,
    changedArea: startOffset === page ? [] : [{ start: startOffset + 65_536, length: 131_072 }],
  }))
  expect(areas).toEqual([0, 2, 3].map((at) => ({ offset: at * page + 65_536, length: 131_072 })))
})

it.each([
  ['nothing of the disk', { startOffset: 0, length: 0 }],
  ['another part of the disk', { startOffset: 100, length: capacityBytes }],
  [
    'areas out of order',
    {
      startOffset: 0,
      length: capacityBytes,
      changedArea: [
        { start: 5000, length: 10 },
        { start: 0, length: 10 },
      ],
    },
  ],
  [
    'areas that overlap',
    {
      startOffset: 0,
      length: capacityBytes,
      changedArea: [
        { start: 0, length: 10 },
        { start: 9, length: 10 },
      ],
    },
  ],
  [
    'areas beyond the disk',
    { startOffset: 0, length: capacityBytes, changedArea: [{ start: capacityBytes - 5, length: 10 }] },
  ],
  ['empty areas', { startOffset: 0, length: capacityBytes, changedArea: [{ start: 0, length: 0 }] }],
  ['no numbers', { startOffset: 0, length: 'all' }],
])('takes no answer that tells %s', async (_, answer) => {
  await expect(areasFrom(() => answer)).rejects.toMatchObject({ code: 'protocol' })
})

it('tells by its fault that a change id is not known', async () => {
  await using server = await fakeVsphere()
  await using session = await connectVim(server.address, login)
  server.failNext('QueryChangedDiskAreas', fakeFault('FileFault', 'Error caused by file', { file: 'disk.vmdk' }))
  await expect(changedAreas(session, query).next()).rejects.toMatchObject({ code: 'fault', fault: 'FileFault' })
})

it('never tells areas twice or out of order, whatever a server tells', async () => {
  const number = fc.oneof(fc.integer({ min: -10, max: 2_000_000 }), fc.constantFrom(capacityBytes, 2 ** 53))
  const answer = fc.record({
    startOffset: number,
    length: number,
    changedArea: fc.array(fc.record({ start: number, length: number }), { maxLength: 4 }),
  })
  await using server = await fakeVsphere({
    methods: { QueryChangedDiskAreas: () => answers[at++ % answers.length] as never },
  })
  await using session = await connectVim(server.address, login)
  let answers: readonly object[] = []
  let at = 0
  await fc.assert(
    fc.asyncProperty(fc.array(answer, { minLength: 1, maxLength: 4 }), async (some) => {
      answers = some
      at = 0
      let told = 0
      try {
        for await (const { offset, length } of changedAreas(session, { ...query, capacityBytes: 1_500_000 })) {
          expect(offset).toBeGreaterThanOrEqual(told)
          expect(length).toBeGreaterThan(0)
          told = offset + length
          expect(told).toBeLessThanOrEqual(1_500_000)
        }
      } catch (error) {
        expect(error).toMatchObject({ code: 'protocol' })
      }
    }),
    { endOnFailure: true },
  )
})
