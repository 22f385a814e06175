import { truncateSync, writeFileSync } from 'node:fs'
import { BackupError } from '@holdfast/core'
import type { DiskImage } from '@holdfast/formats'
import { type TempFolder, tempFolder } from 'holdfast-lab'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createImageFile } from '../src/images/create-image-file.js'
import { openImageFile } from '../src/images/open-image-file.js'

const sizeBytes = 1 << 20
let temp: TempFolder
let path: string
beforeEach(() => {
  temp = tempFolder()
  path = temp.at('disk.qcow2')
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

it('has the format that its bytes show, unless the caller says otherwise', async () => {
  await writeImage()
  const formatOf = async (...args: Parameters<typeof openImageFile>) => {
    await using image = await openImageFile(...args)
    return image.layers[0].format
  }
  expect(await formatOf(path)).toBe('qcow2')
  expect(await formatOf(path, { format: 'raw' })).toBe('raw')
})

it('is raw by its ending, whatever a guest wrote to its start', async () => {
  const path = temp.at('disk.img')
  writeFileSync(path, Buffer.concat([Buffer.from('QFI\xfb', 'latin1'), Buffer.alloc(1000)]))
  await using image = await openImageFile(path)
  expect(image.layers[0].format).toBe('raw')
  expect(image.sizeBytes).toBe(1004)
})

it('is not guessed to be raw by another ending', async () => {
  const path = temp.at('disk.bak')
  writeFileSync(path, Buffer.alloc(1000))
  await expect(openImageFile(path)).rejects.toMatchObject({ code: 'E_SOURCE_INVALID' })
  await using image = await openImageFile(path, { format: 'raw' })
  expect(image.sizeBytes).toBe(1000)
})

it.each([
  ['is missing', 'missing.raw'],
  ['is a folder', '.'],
])('tells what is wrong with an image that %s', async (_what, name) => {
  await expect(openImageFile(temp.at(name))).rejects.toMatchObject({ code: 'E_SOURCE_READ' })
})

it('tells which file is not what it is said to be', async () => {
  writeFileSync(path, 'not an image')
  await expect(openImageFile(path, { format: 'qcow2' })).rejects.toMatchObject({
    code: 'E_SOURCE_INVALID',
    context: { file: expect.stringContaining('disk.qcow2') },
  })
})
