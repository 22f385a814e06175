import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TempFolder, tempFolder } from 'holdfast-lab'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { imageOpener } from '../src/files/image-opener.js'

let temp: TempFolder
let root: string

beforeEach(() => {
  temp = tempFolder()
  root = temp.at('images')
  mkdirSync(join(root, 'web'), { recursive: true })
  mkdirSync(join(root, 'base'))
  writeFileSync(join(root, 'web', 'disk.qcow2'), 'child')
  writeFileSync(join(root, 'web', 'base.qcow2'), 'beside')
  writeFileSync(join(root, 'base', 'base.qcow2'), 'parent')
  writeFileSync(temp.at('secret'), 'outside')
})
afterEach(() => temp[Symbol.dispose]())

/** Opens what an image in `web` names, and returns its text. */
async function opened(name: string, reach = root): Promise<string | undefined> {
  const from = {
    name: join(root, 'web', 'disk.qcow2'),
    source: { sizeBytes: 0, read: async () => {} },
    close: async () => {},
  }
  const file = await imageOpener(reach)(name, from)
  if (file === undefined) return undefined
  const bytes = new Uint8Array(file.source.sizeBytes)
  await file.source.read(0, bytes)
  await file.close()
  return new TextDecoder().decode(bytes)
}

describe('a file that an image names', () => {
  it.each([
    ['beside it', 'base.qcow2', 'beside'],
    ['in a folder relative to it', '../base/base.qcow2', 'parent'],
    ['by a relative Windows path', '.\\base.qcow2', 'beside'],
    ['by a relative Windows path up', '..\\base\\base.qcow2', 'parent'],
    ['by a full Windows path', 'C:\\VMs\\web\\base.qcow2', 'beside'],
    ['by a path of a Windows share', '\\\\server\\vms\\base.qcow2', 'beside'],
  ])('is found %s', async (_where, name, text) => {
    expect(await opened(name)).toBe(text)
  })

  it('is found by a full path and by a file: name', async () => {
    const path = join(root, 'base', 'base.qcow2')
    expect(await opened(path)).toBe('parent')
    expect(await opened(`file:${path}`)).toBe('parent')
    expect(await opened(`file://${path}`)).toBe('parent')
  })

  it.each(['missing.qcow2', '../base/missing.qcow2', 'disk.qcow2/below', '..\\base\\missing.vhdx'])(
    'that is not there is told as missing: %s',
    async (name) => {
      expect(await opened(name)).toBeUndefined()
    },
  )

  it.each([
    '../../secret',
    '..\\..\\secret',
    '/etc/passwd',
    '/dev/null',
    'file:///etc/passwd',
    '/no/such/file',
    'a\0b',
    '../..',
    '..',
    '.',
    '',
  ])('outside is refused, whether it is there or not: %j', async (name) => {
    await expect(
      opened(name, name === '..' || name === '.' || name === '' ? join(root, 'web') : root),
    ).rejects.toMatchObject({ code: 'refused-file' })
  })

  it('outside is refused by way of a link too', async () => {
    symlinkSync(temp.at('secret'), join(root, 'web', 'link.qcow2'))
    symlinkSync(temp.path, join(root, 'web', 'folder'))
    await expect(opened('link.qcow2')).rejects.toMatchObject({ code: 'refused-file' })
    await expect(opened('folder/secret')).rejects.toMatchObject({ code: 'refused-file' })
  })

  it('by way of a link inside is the file itself, so that a loop is seen', async () => {
    symlinkSync(join(root, 'base', 'base.qcow2'), join(root, 'web', 'link.qcow2'))
    const from = {
      name: join(root, 'web', 'disk.qcow2'),
      source: { sizeBytes: 0, read: async () => {} },
      close: async () => {},
    }
    const file = await imageOpener(root)('link.qcow2', from)
    expect(file?.name).toBe(join(root, 'base', 'base.qcow2'))
    await file?.close()
  })

  it('that is no regular file is refused', async () => {
    await expect(opened('../base', root)).rejects.toThrow('is no regular file')
  })
})
