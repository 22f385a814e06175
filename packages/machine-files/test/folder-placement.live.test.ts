import { randomBytes } from 'node:crypto'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { DiskId, Machine, MachineId } from '@holdfast/core'
import { run, skipsWithout, type TempFolder, tempFolder } from 'holdfast-lab'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { placeInFolder } from '../src/placement/folder-placement.js'
import { imageInfo, nbdExport } from './support/qemu.js'

const call = { signal: new AbortController().signal }
const sizeBytes = 2 ** 20
const [root, data] = ['root', 'data'].map((id) => ({ id: id as DiskId, sizeBytes }))
if (root === undefined || data === undefined) throw new Error('no disks')
const machine: Machine = { id: 'm-1' as MachineId, name: 'web', firmware: 'bios', disks: [root, data] }

describe.skipIf(skipsWithout('qemu-utils'))('a machine in a folder, to QEMU', () => {
  let temp: TempFolder
  let socket: string
  beforeEach(() => {
    temp = tempFolder()
    socket = temp.at('base.sock')
  })
  afterEach(() => temp[Symbol.dispose]())
  const overlays = () => new Map([[root.id, `nbd+unix:///?socket=${socket}`]])

  it('has overlays over what an NBD server has, and images of its own beside them', async () => {
    const base = temp.at('base.raw')
    const bytes = randomBytes(sizeBytes)
    writeFileSync(base, bytes)
    await using _server = await nbdExport(base, socket)
    await using placed = await placeInFolder(temp.at('out'), machine, machine.disks, { contents: overlays() })
    await placed.disks[1]?.write(4096, bytes.subarray(0, 8192), call)
    await placed.commit(call)
    const overlay = join(placed.location, 'root.qcow2')
    expect(imageInfo(overlay)).toMatchObject({
      format: 'qcow2',
      'virtual-size': sizeBytes,
      'backing-filename': `nbd+unix:///?socket=${socket}`,
      'backing-filename-format': 'raw',
    })
    expect(run('qemu-img', 'compare', '-f', 'qcow2', '-F', 'raw', overlay, base)).toContain('identical')
    const own = join(placed.location, 'data.qcow2')
    expect(imageInfo(own)).toMatchObject({ format: 'qcow2', 'virtual-size': sizeBytes })
    expect(imageInfo(own)).not.toHaveProperty('backing-filename')
    const wanted = temp.at('wanted.raw')
    writeFileSync(
      wanted,
      Buffer.concat([Buffer.alloc(4096), bytes.subarray(0, 8192), Buffer.alloc(sizeBytes - 12_288)]),
    )
    expect(run('qemu-img', 'compare', '-f', 'qcow2', '-F', 'raw', own, wanted)).toContain('identical')
  })

  it('has an overlay of whole sectors over a disk that ends within one', async () => {
    const oddBytes = sizeBytes + 700
    const base = temp.at('base.raw')
    writeFileSync(base, randomBytes(oddBytes))
    await using _server = await nbdExport(base, socket)
    const odd = { ...root, sizeBytes: oddBytes }
    const location = temp.at('out')
    await using placed = await placeInFolder(location, { ...machine, disks: [odd] }, [odd], { contents: overlays() })
    await placed.commit(call)
    const overlay = join(placed.location, 'root.qcow2')
    expect(imageInfo(overlay)).toMatchObject({ 'virtual-size': sizeBytes + 1024 })
    // QEMU, too, rounds the raw file up.
    expect(run('qemu-img', 'compare', '-f', 'qcow2', '-F', 'raw', overlay, base)).toContain('identical')
  })

  it('takes no writes to an overlay, whose content is where it is', async () => {
    await using placed = await placeInFolder(temp.path, machine, machine.disks, { contents: overlays() })
    await expect(placed.disks[0]?.write(0, new Uint8Array(512), call)).rejects.toMatchObject({ code: 'E_UNSUPPORTED' })
  })

  it('has whole images before its commit when they are completed, and the same after it', async () => {
    await using placed = await placeInFolder(temp.path, machine, machine.disks, { kind: { format: 'qcow2' } })
    const bytes = randomBytes(100_000)
    await placed.disks[0]?.write(300_000, bytes, call)
    const images = await placed.complete()
    expect(images.map(({ id, format }) => [id, format])).toEqual([
      ['root', 'qcow2'],
      ['data', 'qcow2'],
    ])
    const wanted = temp.at('wanted.raw')
    const rest = Buffer.alloc(sizeBytes - 300_000 - bytes.byteLength)
    writeFileSync(wanted, Buffer.concat([Buffer.alloc(300_000), bytes, rest]))
    for (const { path } of images) run('qemu-img', 'check', '-q', path)
    const { path: before = '' } = images[0] ?? {}
    expect(before.startsWith(placed.location)).toBe(false)
    expect(run('qemu-img', 'compare', '-f', 'qcow2', '-F', 'raw', before, wanted)).toContain('identical')
    await placed.commit(call)
    const after = join(placed.location, 'root.qcow2')
    expect(run('qemu-img', 'compare', '-f', 'qcow2', '-F', 'raw', after, wanted)).toContain('identical')
  })

  it('leaves nothing when it was completed and then given up', async () => {
    {
      await using placed = await placeInFolder(temp.path, machine, machine.disks, { kind: { format: 'qcow2' } })
      await placed.complete()
    }
    expect(readdirSync(temp.path)).toEqual([])
  })
})
