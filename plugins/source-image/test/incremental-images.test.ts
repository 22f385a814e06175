import { copyFileSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { backups } from './support/backups.js'
import { composed, kib, mib, readDisk, writeImage } from './support/images.js'
import { filled, machineRoot } from './support/machines.js'

describe('incremental backups of images', () => {
  const sizeBytes = 4 * mib
  const first = [
    [0, filled(300 * kib, 1)],
    [2 * mib, filled(200 * kib, 2)],
  ] as const

  async function machine(
    format: 'raw' | 'qcow2' | 'vmdk' | 'vhd' | 'vhdx',
    options: { readonly parentsIn?: readonly string[] } = {},
  ) {
    const root = machineRoot()
    const base = join(root.path, 'web', `disk.${format}`)
    await writeImage(base, { format, sizeBytes, pieces: first })
    const backup = backups(root.path, 'web', options)
    const take = async () => {
      const disk = (await backup.take()).get('disk')!
      return { ...disk, mode: disk.mode }
    }
    expect(await take()).toMatchObject({ mode: 'full', reason: 'no earlier capture' })
    return { root, base, take, folder: join(root.path, 'web'), backup }
  }

  it.each(['raw', 'qcow2', 'vmdk', 'vhd', 'vhdx'] as const)(
    'of %s read nothing when nothing was written',
    async (format) => {
      const { take } = await machine(format)
      const disk = await take()
      expect(disk).toMatchObject({ mode: 'incremental', reason: expect.stringMatching(/untouched/), dataBytes: 0 })
      expect(Buffer.compare(disk.bytes, composed(sizeBytes, first))).toBe(0)
    },
  )

  it.each(['qcow2', 'vmdk', 'vhd', 'vhdx'] as const)('of %s read what a child holds, its zeros too', async (format) => {
    const { take, base, folder } = await machine(format)
    const child = join(folder, `child.${format}`)
    // VHD blocks know data and nothing else: zeros over a parent are written.
    const zeros = format === 'vhd' ? [] : [[2 * mib, mib] as const]
    const pieces = [
      [256 * kib, filled(128 * kib, 3)],
      ...(format === 'vhd' ? [[2 * mib, new Uint8Array(mib)] as const] : []),
    ] as const
    await writeImage(child, { format, sizeBytes, pieces, zeros, parent: base })
    const disk = await take()
    expect(disk).toMatchObject({ mode: 'incremental', reason: expect.stringMatching(/beneath one newer layer/) })
    expect(disk.dataBytes).toBeLessThan(sizeBytes)
    expect(Buffer.compare(disk.bytes, await readDisk(child))).toBe(0)
    expect(disk.bytes.subarray(2 * mib, 3 * mib).every((byte) => byte === 0)).toBe(true)
  })

  it.each(['raw', 'qcow2'] as const)(
    'of %s go full once the image was written in place, its times set back',
    async (format) => {
      const { take, base, folder } = await machine(format)
      const copy = join(folder, 'x')
      await writeImage(copy, { format, sizeBytes, pieces: [[0, filled(300 * kib, 5)], first[1]] })
      copyFileSync(copy, base)
      rmSync(copy)
      utimesSync(base, 1, 1)
      const disk = await take()
      expect(disk).toMatchObject({ mode: 'full', reason: expect.stringMatching(/written to/) })
      expect(Buffer.compare(disk.bytes, await readDisk(base))).toBe(0)
    },
  )

  it('of a VMDK in several files go full once one of its extents was written in place', async () => {
    const root = machineRoot()
    const file = join(root.path, 'web', 'disk.vmdk')
    await writeImage(file, { format: 'vmdk', kind: 'monolithicFlat', sizeBytes, pieces: first })
    const backup = backups(root.path, 'web')
    await backup.take()
    expect((await backup.take()).get('disk')).toMatchObject({ mode: 'incremental', dataBytes: 0 })
    const extent = join(root.path, 'web', 'disk-flat.vmdk')
    writeFileSync(extent, composed(sizeBytes, [[mib, filled(512, 7)]]))
    const disk = (await backup.take()).get('disk')!
    expect(disk.mode).toBe('full')
    expect(Buffer.compare(disk.bytes, composed(sizeBytes, [[mib, filled(512, 7)]]))).toBe(0)
  })

  it('go full once another file has the name', async () => {
    const { take, base } = await machine('raw')
    copyFileSync(base, `${base}.new`)
    renameSync(`${base}.new`, base)
    expect(await take()).toMatchObject({ mode: 'full' })
  })

  it('go full once the file is read in another format', async () => {
    const { take, root } = await machine('qcow2')
    root.json('web', { disks: [{ id: 'disk', file: 'disk.qcow2', format: 'raw' }] })
    expect(await take()).toMatchObject({ mode: 'full' })
  })

  it('go full once the disk was grown by its child', async () => {
    const { take, base, folder } = await machine('qcow2')
    await writeImage(join(folder, 'child.qcow2'), { format: 'qcow2', sizeBytes: 2 * sizeBytes, parent: base })
    const disk = await take()
    expect(disk).toMatchObject({ mode: 'full', reason: expect.stringMatching(/resized/) })
    expect(disk.bytes.byteLength).toBe(2 * sizeBytes)
  })

  it('show what a child hides that is smaller than its parent', async () => {
    const { take, base, folder } = await machine('qcow2')
    const middle = await writeImage(join(folder, 'middle.qcow2'), { format: 'qcow2', sizeBytes: mib, parent: base })
    await writeImage(join(folder, 'child.qcow2'), { format: 'qcow2', sizeBytes, parent: middle })
    const disk = await take()
    expect(Buffer.compare(disk.bytes, composed(sizeBytes, [first[0]]))).toBe(0)
  })

  it('give tokens that people recognise as of this source', async () => {
    const { backup } = await machine('qcow2')
    expect(backup.tokenOf('disk')).toMatch(/^1:\{"sizeBytes":4194304,"state":"[\w-]{32}"\}$/)
  })

  it('leave a disk alone whose token is recorded in machine.json', async () => {
    const { take, root, base, folder, backup } = await machine('qcow2')
    root.json('web', { disks: [{ id: 'disk', file: 'disk.qcow2', changeToken: 't1' }] })
    expect(await take()).toMatchObject({ mode: 'full', reason: expect.stringMatching(/is not the present one/) })
    expect(backup.tokenOf('disk')).toBe('t1')
    await writeImage(join(folder, 'child.qcow2'), {
      format: 'qcow2',
      sizeBytes,
      pieces: [[0, filled(512, 9)]],
      parent: base,
    })
    const changes = { since: 't1', extents: [[0, 512]] }
    root.json('web', { disks: [{ id: 'disk', file: 'child.qcow2', changeToken: 't2', changes }] })
    expect(await take()).toMatchObject({
      mode: 'incremental',
      reason: expect.stringMatching(/machine\.json/),
      dataBytes: 512,
    })
  })
})
