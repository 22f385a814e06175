import { appendFileSync, closeSync, openSync, rmSync, truncateSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { toArray } from '@holdfast/testkit'
import { describe, expect, it } from 'vitest'
import { kib, writeImage } from './support/images.js'
import { call, capture, machineRoot } from './support/machines.js'
import { openFiles } from './support/open-files.js'

import { childPieces, pieces, sizeBytes } from './support/sample-images.js'

describe('a chain that changes after the capture', () => {
  async function capturedChain() {
    const root = machineRoot()
    const parent = await writeImage(join(root.path, 'web', 'disk.qcow2'), { format: 'qcow2', sizeBytes, pieces })
    const child = await writeImage(join(root.path, 'web', 'disk.snap1'), {
      format: 'qcow2',
      sizeBytes,
      pieces: childPieces,
      parent,
    })
    const taken = await capture(root.path, 'web')
    const disk = taken.disks[0]!
    await disk.readInto(0, new Uint8Array(sizeBytes), call)
    return { disk, parent, child, taken, root }
  }

  it.each<[what: string, change: (files: { readonly parent: string; readonly child: string }) => void, file: RegExp]>([
    ['its parent is written to', ({ parent }) => appendFileSync(parent, 'x'), /disk\.qcow2/],
    ['its child is written to', ({ child }) => overwrite(child, 70_000), /disk\.snap1/],
    ['its parent is removed', ({ parent }) => rmSync(parent), /disk\.qcow2/],
    ['its tables are cut off', ({ child }) => truncateSync(child, 512), /disk\.snap1/],
  ])('because %s is never given out', async (_what, change, file) => {
    const { disk, ...files } = await capturedChain()
    change(files)
    const changed = {
      code: 'E_SOURCE_READ',
      message: expect.stringMatching(/'disk' changed while it was being read/),
      context: { disk: 'disk', file: expect.stringMatching(file) },
    }
    // This range lies in the child alone.
    await expect(disk.readInto(64 * kib, new Uint8Array(512), call)).rejects.toMatchObject(changed)
    await expect(disk.readInto(0, new Uint8Array(512), call)).rejects.toMatchObject(changed)
    await expect(toArray(disk.extents(undefined, call))).rejects.toMatchObject(changed)
  })

  it('is noticed in its extents too', async () => {
    const root = machineRoot()
    await writeImage(join(root.path, 'web', 'disk.vmdk'), { format: 'vmdk', kind: 'monolithicFlat', sizeBytes, pieces })
    const { disks } = await capture(root.path, 'web')
    await disks[0]!.readInto(0, new Uint8Array(512), call)
    overwrite(join(root.path, 'web', 'disk-flat.vmdk'), 0)
    await expect(disks[0]!.readInto(0, new Uint8Array(512), call)).rejects.toMatchObject({
      message: expect.stringMatching(/changed while it was being read \(.*disk-flat\.vmdk\)/),
    })
  })

  it('is closed with the capture, and refuses to be read then', async () => {
    const { disk, taken, root } = await capturedChain()
    expect(openFiles(root.path)).toHaveLength(2)
    await taken[Symbol.asyncDispose]()
    await taken[Symbol.asyncDispose]()
    expect(openFiles(root.path)).toEqual([])
    for (const use of [disk.readInto(0, new Uint8Array(512), call), toArray(disk.extents(undefined, call))])
      await expect(use).rejects.toMatchObject({ code: 'E_SOURCE_READ', message: expect.stringContaining('released') })
  })

  it('stops with the reason of the signal, even if it has changed by then', async () => {
    const { disk, child } = await capturedChain()
    const controller = new AbortController()
    const reading = disk.readInto(0, new Uint8Array(sizeBytes), { signal: controller.signal })
    overwrite(child, 70_000)
    controller.abort(new Error('stop now'))
    await expect(reading).rejects.toThrow('stop now')
    await expect(toArray(disk.extents(undefined, { signal: controller.signal }))).rejects.toThrow('stop now')
  })
})

function overwrite(file: string, at: number): void {
  const fd = openSync(file, 'r+')
  writeSync(fd, Uint8Array.of(0xee), 0, 1, at)
  closeSync(fd)
}
