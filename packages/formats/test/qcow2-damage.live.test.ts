import { run, tempFolder } from 'holdfast-lab'
import { afterAll, expect, it } from 'vitest'
import { describeJudged } from './support/judges.js'
import { digestOf, openReal, ownDigest, patch, problemsOf, qemuCheck, qemuDigest } from './support/qcow2-disks.js'
import { everything } from './support/qcow2-samples.js'

const { at } = tempFolder(afterAll)

describeJudged('qcow2: images whose writer died', () => {
  const dieAfterWriting = (path: string) =>
    expect(() =>
      run('qemu-io', '-f', 'qcow2', '-c', 'write -q -P 7 1M 3M', '-c', 'flush', '-c', 'abort', path),
    ).toThrow()

  it('reads one with lazy refcounts, and only notes that they are behind', async () => {
    const path = at('dirty.qcow2')
    run('qemu-img', 'create', '-q', '-f', 'qcow2', '-o', 'lazy_refcounts=on', path, '8M')
    dieAfterWriting(path)
    const problems = await problemsOf(path)
    expect(problems.length).toBeGreaterThan(1)
    expect(problems.every(({ severity }) => severity === 'note')).toBe(true)
    const wanted = new Uint8Array(8 * 2 ** 20).fill(7, 2 ** 20, 4 * 2 ** 20)
    expect(await ownDigest(path)).toBe(digestOf(wanted))
    expect(await qemuDigest(path)).toBe(digestOf(wanted))
  })

  it('does not rely on its bitmaps', async () => {
    const path = at('in-use.qcow2')
    run('qemu-img', 'create', '-q', '-f', 'qcow2', path, '8M')
    run('qemu-img', 'bitmap', '--add', path, 'daily')
    dieAfterWriting(path)
    await using image = await openReal(path)
    expect(image.layers[0].bitmaps).toMatchObject([{ name: 'daily', usable: false }])
  })
})

describeJudged('qcow2: damage that qemu-img check finds', () => {
  const vector = everything({ extraData: false })
  const { l1, entry, data, refcountTable, refcountBlocks, bitmapTables, bytes } = vector
  const low = (place: number) => place + 6
  const count = (place: number) => refcountBlocks + (place / 512) * 2
  const l2 = vector.l2.get(0) ?? 0
  const cases: Readonly<
    Record<
      string,
      {
        readonly changes: Readonly<Record<number, readonly number[]>>
        readonly exit: 2 | 3
      }
    >
  > = {
    'a cluster is counted as used, but is not': {
      changes: { [entry(1)]: [0x80, 0, 0, 0, 0, 0, 0, 0], [count(l1)]: [0, 2] },
      exit: 3,
    },
    'a leaked cluster': { changes: { [count(data.get(63) ?? 0)]: [0, 4] }, exit: 3 },
    'a used cluster has refcount 0': { changes: { [count(data.get(63) ?? 0)]: [0, 0] }, exit: 2 },
    'refcount 1 instead of 3': { changes: { [count(data.get(63) ?? 0)]: [0, 1] }, exit: 2 },
    'two clusters share a place': {
      changes: { [low(entry(63))]: [...bytes.subarray(low(entry(0)), low(entry(0)) + 2)] },
      exit: 2,
    },
    'a cluster lies on a table': { changes: { [low(entry(63))]: [l2 >> 8, l2 & 0xff] }, exit: 2 },
    'a cluster lies past the end': { changes: { [entry(63) + 4]: [1] }, exit: 2 },
    'a reserved bit in an L2 entry': { changes: { [entry(63) + 7]: [4] }, exit: 2 },
    'a reserved bit in an L1 entry': { changes: { [l1 + 7]: [2] }, exit: 2 },
    'an L2 table past the end': { changes: { [l1 + 4]: [9] }, exit: 2 },
    'an L2 entry claims to be alone': { changes: { [entry(63)]: [0x80] }, exit: 2 },
    'an L1 entry claims to be alone': { changes: { [l1]: [0x80] }, exit: 2 },
    'a compressed cluster claims to be alone': { changes: { [entry(4)]: [(bytes[entry(4)] ?? 0) | 0x80] }, exit: 2 },
    'a refcount block past the end': { changes: { [refcountTable + 4]: [7] }, exit: 2 },
    'no refcount block': { changes: { [refcountTable]: [0, 0, 0, 0, 0, 0, 0, 0] }, exit: 2 },
    'a reserved bit in the refcount table': { changes: { [refcountTable + 7]: [1] }, exit: 2 },
    'a bitmap table leads past the end': { changes: { [(bitmapTables[0] ?? 0) + 3]: [1] }, exit: 2 },
  }
  for (const [name, { changes, exit }] of Object.entries(cases))
    it(`${name}`, async () => {
      const path = at('damaged.qcow2')
      patch(path, bytes, changes)
      const problems = await problemsOf(path)
      const worst = problems.some(({ severity }) => severity === 'corrupt')
        ? 2
        : problems.some(({ severity }) => severity === 'leak')
          ? 3
          : 0
      expect([qemuCheck(path), worst], JSON.stringify(problems)).toEqual([exit, exit])
    })
})
