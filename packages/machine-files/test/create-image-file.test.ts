import { readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { type TempFolder, tempFolder } from 'holdfast-lab'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { loadPreallocate } from '../src/files/preallocate.js'
import { createImageFile } from '../src/images/create-image-file.js'

let temp: TempFolder
beforeEach(() => {
  temp = tempFolder()
})
afterEach(() => temp[Symbol.dispose]())

const raw = { format: 'raw', sizeBytes: 100_000 } as const

it('has its name only once it is complete', async () => {
  const path = temp.at('disk.raw')
  await using created = await createImageFile(path, raw)
  await created.writer.write(70_000, new TextEncoder().encode('data'))
  expect(readdirSync(temp.path)).toEqual([expect.stringMatching(/^\.disk\.raw\.[0-9a-f]{8}\.partial$/)])
  expect(await created.commit()).toEqual({ fileBytes: 100_000 })
  expect(readdirSync(temp.path)).toEqual(['disk.raw'])
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(readFileSync(path).subarray(70_000, 70_004).toString()).toBe('data')
  expect(readFileSync(path).byteLength).toBe(100_000)
})

it.each([true, false])('holds what was written at once, blocking %s', async (blocking) => {
  const path = temp.at('disk.raw')
  await using created = await createImageFile(path, { ...raw, blocking })
  const starts = Array.from({ length: 10 }, (_, index) => index * 10_000)
  await Promise.all(starts.map((at) => created.writer.write(at, new Uint8Array(10_000).fill(1 + at / 10_000))))
  await created.commit()
  const bytes = readFileSync(path)
  expect(starts.map((at) => [bytes[at], bytes[at + 9999]])).toEqual(starts.map((_, index) => [index + 1, index + 1]))
})

it('asks for the blocks of what it writes and for no more, and keeps its size', async () => {
  const path = temp.at('disk.raw')
  const sizeBytes = 8 * 2 ** 20
  await using created = await createImageFile(path, { format: 'raw', sizeBytes, blocking: true })
  await created.writer.write(2 ** 20 + 12_345, new Uint8Array(2 ** 20).fill(7))
  await created.commit()
  const { size, blocks } = statSync(path)
  expect(size).toBe(sizeBytes)
  expect(blocks * 512).toBeLessThanOrEqual(2 ** 20 + 8192)
  const bytes = readFileSync(path)
  expect(bytes.indexOf(7)).toBe(2 ** 20 + 12_345)
  expect(bytes.lastIndexOf(7)).toBe(2 ** 21 + 12_344)
})

it('takes a file system that cannot give blocks in advance as it is', async () => {
  const preallocate = await loadPreallocate()
  expect(() => preallocate?.(-1, 0, 2 ** 20)).not.toThrow()
})

it('leaves nothing when it is given up', async () => {
  {
    await using created = await createImageFile(temp.at('disk.raw'), raw)
    await created.writer.write(0, new Uint8Array(10))
  }
  expect(readdirSync(temp.path)).toEqual([])
})

it('overwrites nothing, not even a link that leads nowhere or a file that came meanwhile', async () => {
  const [taken, link, late] = ['taken.raw', 'link.raw', 'late.raw'].map((name) => temp.at(name))
  writeFileSync(taken ?? '', 'mine')
  symlinkSync('/no/such/file', link ?? '')
  for (const path of [taken, link])
    await expect(createImageFile(path ?? '', raw)).rejects.toMatchObject({ code: 'E_PLACEMENT' })
  {
    await using created = await createImageFile(late ?? '', raw)
    writeFileSync(late ?? '', 'mine')
    await expect(created.commit()).rejects.toMatchObject({ code: 'E_PLACEMENT' })
  }
  expect(readFileSync(taken ?? '', 'utf8')).toBe('mine')
  expect(readFileSync(late ?? '', 'utf8')).toBe('mine')
  expect(readdirSync(temp.path).sort()).toEqual(['late.raw', 'link.raw', 'taken.raw'])
})

it('is refused where it cannot be written, and leaves nothing', async () => {
  await expect(createImageFile(temp.at('no', 'disk.raw'), raw)).rejects.toMatchObject({ code: 'E_PLACEMENT' })
  await expect(createImageFile(temp.at('a.raw'), { ...raw, variant: 'striped' })).rejects.toMatchObject({
    code: 'E_UNSUPPORTED',
    hint: expect.stringContaining('plain'),
  })
  expect(readdirSync(temp.path)).toEqual([])
})
