import type { ChangeToken, DiskId } from '@holdfast/core'
import { skipsWithout, type TempFolder, tempFolder } from 'holdfast-lab'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { backedUp, bitmapsOf, call, captured, openSource, ref, type Tokens, traces } from './support/captures.js'
import { type LiveDisk, type LiveMachine, startMachine } from './support/live-machine.js'

const disks: readonly LiveDisk[] = [
  { id: 'root', format: 'qcow2', sizeMib: 8 },
  { id: 'data', format: 'raw', sizeMib: 4 },
]
const root = 'dev-root' as DiskId
const data = 'dev-data' as DiskId

describe.skipIf(skipsWithout('qemu'))('what can be told of the changes of a machine', () => {
  let folder: TempFolder
  let machine: LiveMachine
  const restart = async () => {
    machine = await startMachine(folder.path, 'vm', disks)
  }
  beforeEach(async () => {
    folder = tempFolder()
    await restart()
    await machine.io('root', 'write -P 1 0 1M')
  })
  afterEach(async () => {
    await machine[Symbol.asyncDispose]()
    folder[Symbol.dispose]()
  })
  const quit = async () => {
    await machine.monitor.execute('quit').catch(() => undefined)
    await machine.qemu.ended
  }
  const session = () => openSource(folder.path)
  const bitmapIn = (tokens: Tokens, disk: DiskId) => tokens.get(disk)?.split(':')[1] ?? ''

  it('is everything at first, and then what the guest wrote', async () => {
    const first = await backedUp(await session(), 'vm')
    expect(first.tracking).toEqual({ [root]: 'full: no earlier capture', [data]: 'full: no earlier capture' })
    await machine.io('root', 'write -P 2 3M 4k')
    await machine.io('data', 'write -z -u 1M 64k')
    const second = await backedUp(await session(), 'vm', first.tokens)
    expect(second.tracking).toEqual({
      [root]: `incremental: changes since bitmap ${bitmapIn(first.tokens, root)}`,
      [data]: `incremental: changes since bitmap ${bitmapIn(first.tokens, data)}`,
    })
    expect(second.extents[root]).toEqual([{ offset: 3 * 2 ** 20, length: 65_536, kind: 'data' }])
    expect(second.extents[data]).toEqual([{ offset: 2 ** 20, length: 65_536, kind: 'unallocated' }])
    const third = await backedUp(await session(), 'vm', second.tokens)
    expect(third.extents).toEqual({ [root]: [], [data]: [] })
  })

  it('outlives a QEMU that ends in order, on QCOW2; of a raw disk it is gone', async () => {
    const first = await backedUp(await session(), 'vm')
    await machine.io('root', 'write -P 2 3M 4k')
    await quit()
    await restart()
    const second = await backedUp(await session(), 'vm', first.tokens)
    expect(second.tracking[root]).toMatch(/^incremental/)
    // The rest of the cluster was never written.
    expect(second.extents[root]?.[0]).toEqual({ offset: 3 * 2 ** 20, length: 4096, kind: 'data' })
    expect(second.tracking[data]).toMatch(/^full: bitmap holdfast-\S+ is gone: those of raw disks do not outlive QEMU/)
  })

  it('is gone with a QEMU that is killed, whether the bitmap was new or came from the image', async () => {
    const first = await backedUp(await session(), 'vm')
    machine.qemu.kill('SIGKILL')
    await machine.qemu.ended
    await restart()
    const second = await backedUp(await session(), 'vm', first.tokens)
    expect(second.tracking[root]).toMatch(/^full: bitmap \S+ is gone: QEMU did not end cleanly/)
    await quit()
    await restart()
    machine.qemu.kill('SIGKILL')
    await machine.qemu.ended
    await restart()
    const third = await backedUp(await session(), 'vm', second.tokens)
    expect(third.tracking[root]).toMatch(/^full: bitmap \S+ is inconsistent: QEMU did not end cleanly/)
    // What is of no use is removed.
    expect(await bitmapsOf(machine, 'root')).toEqual([bitmapIn(third.tokens, root)])
  })

  it('is unknown when somebody touched the bitmap', async () => {
    const first = await backedUp(await session(), 'vm')
    const name = bitmapIn(first.tokens, root)
    await machine.monitor.execute('block-dirty-bitmap-disable', { node: 'disk-root', name })
    await machine.monitor.execute('block-dirty-bitmap-remove', { node: 'disk-data', name })
    const second = await backedUp(await session(), 'vm', first.tokens)
    expect(second.tracking[root]).toMatch(/^full: bitmap \S+ does not record: somebody disabled it/)
    expect(second.tracking[data]).toMatch(/^full: bitmap \S+ is gone/)
    const again = bitmapIn(second.tokens, root)
    await machine.monitor.execute('block-dirty-bitmap-remove', { node: 'disk-root', name: again })
    await machine.monitor.execute('block-dirty-bitmap-add', { node: 'disk-root', name: again, granularity: 4096 })
    const third = await backedUp(await session(), 'vm', second.tokens)
    expect(third.tracking[root]).toMatch(/^full: bitmap \S+ has another granularity/)
  })

  it('is each disk for itself: one that was added goes in full alone', async () => {
    const first = await backedUp(await session(), 'vm')
    await quit()
    machine = await startMachine(folder.path, 'vm', [...disks, { id: 'new', format: 'qcow2', sizeMib: 2 }])
    const second = await backedUp(await session(), 'vm', first.tokens)
    expect(second.tracking[root]).toMatch(/^incremental/)
    expect(second.tracking['dev-new']).toBe('full: no earlier capture')
  })

  it('is kept by a disk that grows, whose new part is among what changed', async () => {
    const first = await backedUp(await session(), 'vm')
    await machine.monitor.execute('block_resize', { 'node-name': 'disk-root', size: 16 * 2 ** 20 })
    await machine.io('root', 'write -P 5 12M 4k')
    const second = await backedUp(await session(), 'vm', first.tokens)
    // The engine compares the sizes and reads such a disk whole.
    expect(
      second.extents[root]?.some(({ offset, length }) => offset <= 12 * 2 ** 20 && offset + length > 12 * 2 ** 20),
    ).toBe(true)
  })

  it('goes on after a run that was not stored, and leaves no bitmap of it', async () => {
    const first = await backedUp(await session(), 'vm')
    await machine.io('root', 'write -P 2 3M 4k')
    await captured(await session(), 'vm', async () => undefined, first.tokens)
    expect(await bitmapsOf(machine, 'root')).toEqual([bitmapIn(first.tokens, root)])
    const second = await backedUp(await session(), 'vm', first.tokens)
    expect(second.extents[root]).toEqual([{ offset: 3 * 2 ** 20, length: 65_536, kind: 'data' }])
  })

  it('loses nothing when the moment itself fails, and leaves no bitmap of it', async () => {
    const first = await backedUp(await session(), 'vm')
    const before = await bitmapsOf(machine, 'root')
    await using prepared = await (await session()).prepare(ref('vm'), { previous: first.tokens }, call)
    await machine.monitor.execute('block-dirty-bitmap-remove', {
      node: 'disk-data',
      name: bitmapIn(first.tokens, data),
    })
    await expect(prepared.take(call)).rejects.toMatchObject({ code: 'E_SOURCE_UNAVAILABLE' })
    await prepared[Symbol.asyncDispose]()
    expect([await bitmapsOf(machine, 'root'), await bitmapsOf(machine, 'data'), await traces(machine)]).toEqual([
      before,
      [],
      [],
    ])
    const second = await backedUp(await session(), 'vm', first.tokens)
    expect(second.tracking[root]).toMatch(/^incremental/)
  })

  it('is told to two sequences of backups apart, and old bitmaps of each go', async () => {
    const [one, other] = [await backedUp(await session(), 'vm'), await backedUp(await session(), 'vm')]
    await machine.io('root', 'write -P 2 3M 4k')
    let last = one
    for (let round = 0; round < 3; round++) last = await backedUp(await session(), 'vm', last.tokens)
    expect(last.extents[root]).toEqual([])
    // Two of the sequence that went on: one more than needed, for a target that lagged behind.
    expect((await bitmapsOf(machine, 'root')).length).toBe(3)
    const second = await backedUp(await session(), 'vm', other.tokens)
    expect(second.extents[root]).toEqual([{ offset: 3 * 2 ** 20, length: 65_536, kind: 'data' }])
  })

  it('is given up for sequences that nobody went on with for 35 days; bitmaps of others stay', async () => {
    const soon = new Date(Date.now() + 36 * 86_400_000)
    const { clock } = (await import('@holdfast/testkit')).testContext({ tempDir: folder.path })
    await machine.monitor.execute('block-dirty-bitmap-add', { node: 'disk-root', name: 'libvirt-1' })
    await backedUp(await session(), 'vm')
    const late = await openSource(folder.path, {}, { clock: { ...clock, now: () => soon } })
    const second = await backedUp(late, 'vm')
    expect([...(await bitmapsOf(machine, 'root'))].sort()).toEqual([bitmapIn(second.tokens, root), 'libvirt-1'].sort())
  })

  it('is in full for tokens that are nonsense', async () => {
    for (const token of [
      '',
      'qemu1:holdfast-x:65536',
      'qemu1:holdfast-0123456789ab-000000:1',
      '../../x',
      'x'.repeat(100_000),
    ]) {
      const made = await backedUp(await session(), 'vm', new Map([[root, token as ChangeToken]]))
      expect(made.tracking[root]).toMatch(/^full: (the change token is of another source|bitmap \S+ is gone)/)
    }
  })
})
