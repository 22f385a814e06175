import { renameSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { BackupError } from '@holdfast/core'
import type { DiskImage } from '@holdfast/formats'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createImageFile } from '../src/images/create-image-file.js'
import { openImageFile } from '../src/images/open-image-file.js'
import { tempFolder } from './support/temp-folder.js'

const sizeBytes = 1 << 20
let temp: ReturnType<typeof tempFolder>
let path: string
beforeEach(() => {
  temp = tempFolder()
  path = join(temp.path, 'disk.qcow2')
})
afterEach(() => temp[Symbol.dispose]())

async function writeImage(): Promise<void> {
  await using created = await createImageFile(path, { format: 'qcow2', sizeBytes })
  await created.writer.write(0, new Uint8Array(sizeBytes).fill(7))
  await created.commit()
}

async function drain(items: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of items);
}

describe('an image file that is cut off while it is open', () => {
  const uses: Readonly<Record<string, (image: DiskImage) => Promise<void>>> = {
    read: (image) => image.read(0, new Uint8Array(sizeBytes)),
    extents: (image) => drain(image.extents()),
    problems: (image) => drain(image.problems()),
  }
  it.each(Object.keys(uses))('fails in %s with an error that names it', async (name) => {
    await writeImage()
    await using image = await openImageFile(path)
    truncateSync(path, 1000)
    const error = await uses[name]?.(image).then(
      () => undefined,
      (reason: unknown) => reason,
    )
    expect(error).toBeInstanceOf(BackupError)
    expect(error).toMatchObject({
      code: expect.stringMatching(/^E_SOURCE_(INVALID|READ)$/),
      operation: 'source.read',
      context: { file: expect.stringContaining('disk.qcow2') },
    })
  })
})

it('takes what its bytes say for its format, unless its name or the caller says otherwise', async () => {
  await writeImage()
  const formatOf = async (...args: Parameters<typeof openImageFile>) => {
    await using image = await openImageFile(...args)
    return image.layers.map(({ format }) => format)
  }
  expect(await formatOf(path)).toEqual(['qcow2'])
  expect(await formatOf(path, { format: 'raw' })).toEqual(['raw'])
  const rawName = join(temp.path, 'disk.raw')
  renameSync(path, rawName)
  expect(await formatOf(rawName)).toEqual(['raw'])
  expect(await formatOf(rawName, { format: 'qcow2' })).toEqual(['qcow2'])
})

it('is refused when it is no file, or not what it is said to be', async () => {
  await expect(openImageFile(join(temp.path, 'none.vhd'))).rejects.toMatchObject({ code: 'E_SOURCE_READ' })
  await expect(openImageFile(temp.path)).rejects.toBeInstanceOf(BackupError)
  writeFileSync(path, 'not an image')
  await expect(openImageFile(path, { format: 'qcow2' })).rejects.toMatchObject({
    code: 'E_SOURCE_INVALID',
    context: { file: expect.stringContaining('disk.qcow2') },
  })
})
