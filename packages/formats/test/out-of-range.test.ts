import { describe, expect, it } from 'vitest'
import type { ImageWriter } from '../src/image/image-writer.js'
import { createQcow2 } from '../src/qcow2/index.js'
import { createRaw } from '../src/raw/index.js'
import { createVhd } from '../src/vhd/index.js'
import { createVhdx } from '../src/vhdx/index.js'
import { createVmdk } from '../src/vmdk/index.js'
import { memoryFile } from './support/memory-file.js'

const sizeBytes = 4 * 2 ** 20
const vmdk = (kind: 'monolithicSparse' | 'monolithicFlat' | 'streamOptimized') =>
  createVmdk(memoryFile(), { kind, name: 'disk.vmdk', create: async () => memoryFile(), sizeBytes })

const writers: Readonly<Record<string, () => Promise<ImageWriter>>> = {
  raw: () => createRaw(memoryFile(), { sizeBytes }),
  'vhd dynamic': () => createVhd(memoryFile(), { variant: 'dynamic', sizeBytes }),
  'vhd fixed': () => createVhd(memoryFile(), { variant: 'fixed', sizeBytes }),
  'vhdx dynamic': () => createVhdx(memoryFile(), { variant: 'dynamic', sizeBytes }),
  qcow2: () => createQcow2(memoryFile(), { sizeBytes }),
  'qcow2 compressed': () => createQcow2(memoryFile(), { sizeBytes, compression: { method: 'zlib' } }),
  'vmdk sparse': () => vmdk('monolithicSparse'),
  'vmdk flat': () => vmdk('monolithicFlat'),
  'vmdk stream': () => vmdk('streamOptimized'),
}

describe.each(Object.keys(writers))('a writer of %s', (name) => {
  it.each([
    ['past the end', sizeBytes - 512, 1024],
    ['behind the end', sizeBytes + 512, 512],
    ['before the start', -512, 512],
    ['at no whole byte', 0.5, 512],
  ])('takes nothing %s', async (_where, offset, length) => {
    const writer = await writers[name]?.()
    await expect(writer?.write(offset, new Uint8Array(length).fill(1))).rejects.toMatchObject({ code: 'out-of-range' })
    await expect(writer?.zero(offset, length)).rejects.toMatchObject({ code: 'out-of-range' })
  })
})
