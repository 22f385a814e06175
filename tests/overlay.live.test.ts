import type { DiskId } from '@holdfast/core'
import { overlayDisk, type ReadableDisk } from '@holdfast/core/engine'
import { seededBytes } from '@holdfast/testkit/images'
import { mountTmpfs, skipsWithoutTmpfs, tempFolder } from 'holdfast-lab'
import { expect, onTestFinished, test } from 'vitest'

const call = { signal: new AbortController().signal }
const block = 4096

/** Nothing but zeros. */
const base: ReadableDisk = {
  id: 'sda' as DiskId,
  sizeBytes: 64 * 2 ** 20,
  read: async (_, into) => void into.fill(0),
  extents: async function* (offset, length) {
    yield { offset, length, kind: 'zero' }
  },
}

const testOnTmpfs = test.skipIf(skipsWithoutTmpfs())

testOnTmpfs('a kept overlay whose file system was full keeps all that was flushed, once there is room', async () => {
  using mount = mountTmpfs(tempFolder(onTestFinished).at('small'), '4m')
  const open = () => overlayDisk(base, { folder: mount.path, keptFor: 'p', ...call })
  const overlay = await open()
  // Every other block, so that each is a change of its own: more of them than the journal has room for.
  const written: number[] = []
  const full = { code: 'E_PLACEMENT', context: { system: 'ENOSPC' } }
  for (let at = 0; ; at += 2 * block) {
    const outcome = await overlay.write(at, seededBytes(block, at), call).catch((error: unknown) => error)
    if (outcome !== undefined) {
      expect(outcome).toMatchObject(full)
      break
    }
    written.push(at)
  }
  expect(written.length).toBeGreaterThan(500)
  await expect(overlay.flush(call)).rejects.toMatchObject(full)
  await expect(overlay.flush(call)).rejects.toMatchObject(full)
  mount.remount('size=8m')
  await overlay.write(2 ** 25, seededBytes(block, 1), call)
  await overlay.flush(call)
  await overlay[Symbol.asyncDispose]()

  await using again = await open()
  const bytes = Buffer.alloc(block)
  for (const at of written) {
    await again.read(at, bytes, call)
    expect(bytes.equals(seededBytes(block, at))).toBe(true)
  }
  await again.read(2 ** 25, bytes, call)
  expect(bytes.equals(seededBytes(block, 1))).toBe(true)
})
