import { describe, expect, it } from 'vitest'
import { type DiskTargetOptions, diskTarget, plugin } from '../src/index.js'
import { bodyOf, call, key, memoryDisk, openDisk, testContext } from './support/harness.js'

const wrong: readonly [unknown, string][] = [
  [{}, 'path: expected the folder'],
  [{ path: '' }, 'path: expected the folder'],
  [{ path: 'a\0b' }, 'NUL'],
  [{ path: 7 }, 'path: expected the folder'],
  [{ path: 'x', fileMode: 640 }, 'fileMode: expected permissions in octal and in quotes'],
  [{ path: 'x', fileMode: '0888' }, 'three octal digits'],
  [{ path: 'x', fileMode: '0060' }, 'the owner must be able to read'],
  [{ path: 'x', folderMode: '0600' }, 'the owner needs all rights'],
  [{ path: 'x', pth: 'y' }, 'pth'],
  ['x', 'expected object'],
  [undefined, 'expected object'],
]

describe('wrong options', () => {
  it.each(wrong)('%j are refused, naming the option', (options, message) => {
    expect(() => diskTarget(options as DiskTargetOptions)).toThrow(
      expect.objectContaining({
        code: 'E_CONFIG',
        message: expect.stringMatching(/^The options of target 'disk' are wrong: .*[^.]\.$/),
        hint: expect.stringContaining('README'),
      }),
    )
    expect(() => diskTarget(options as DiskTargetOptions)).toThrow(
      expect.objectContaining({ message: expect.stringContaining(message) }),
    )
  })

  it('are refused through a config with the same words', async () => {
    const result = await plugin.options['~standard'].validate({ path: 'x', fileMode: 640 })
    expect(result.issues).toEqual([
      expect.objectContaining({ path: ['fileMode'], message: expect.stringContaining('in quotes') }),
    ])
  })
})

describe('the plugin', () => {
  it('is found and made by a config', async () => {
    const result = await plugin.options['~standard'].validate({ path: './vault', folderMode: '750' })
    if (result.issues !== undefined) throw new Error('refused')
    expect(plugin.create(result.value)).toMatchObject({ kind: 'target', id: 'disk', apiVersion: 1 })
  })

  it('describes its options to editors', () => {
    const schema = plugin.options['~standard'].jsonSchema?.input({ target: 'draft-2020-12' })
    expect(schema).toMatchObject({ required: ['path'], additionalProperties: false })
  })

  it('declares what it can do', () => {
    const { capabilities } = diskTarget({ path: 'x' })
    const exclusive: true = capabilities.exclusiveCreate
    expect(exclusive).toBe(true)
    expect(capabilities).toEqual({
      rangeRead: true,
      exclusiveCreate: true,
      sequential: false,
      media: false,
      sets: false,
      library: false,
      removes: true,
      sync: false,
      maxObjectBytes: undefined,
      maxConcurrency: 4,
      immutability: false,
      ordering: false,
      capacity: true,
    })
  })
})

describe('open', () => {
  it('takes a missing parent for a disk that is not mounted', async () => {
    const { port, vol } = memoryDisk()
    await expect(openDisk(port, { path: '/mnt/usb/vault' })).rejects.toMatchObject({
      code: 'E_TARGET_UNAVAILABLE',
      operation: 'target.open',
      hint: expect.stringContaining('mounted'),
    })
    expect(vol.existsSync('/mnt')).toBe(false)
  })

  it('takes a link that leads nowhere for a disk that is not mounted', async () => {
    const { port, vol } = memoryDisk()
    vol.symlinkSync('/mnt/usb/vault', '/disk/vault')
    await expect(openDisk(port)).rejects.toMatchObject({
      code: 'E_TARGET_UNAVAILABLE',
      hint: expect.stringContaining('mounted'),
    })
  })

  it('refuses a file', async () => {
    const { port, vol } = memoryDisk()
    vol.writeFileSync('/disk/file', 'x')
    await expect(openDisk(port, { path: 'file' })).rejects.toMatchObject({ code: 'E_CONFIG' })
  })

  it('does not begin when aborted before', async () => {
    const { port, vol } = memoryDisk()
    const signal = AbortSignal.abort(new Error('no'))
    await expect(openDisk(port, {}, testContext({ signal }))).rejects.toThrow('no')
    expect(vol.existsSync('/disk/vault')).toBe(false)
  })

  it('locks files and folders down, or gives them exactly the modes that were asked for', async () => {
    const { port, vol } = memoryDisk()
    const modes = (root: string) =>
      ['', '/packs', '/packs/one', '/.incoming'].map((path) => (vol.statSync(root + path).mode & 0o777).toString(8))
    await (await openDisk(port, { path: 'locked' })).put(key('packs/one'), bodyOf('x'), call)
    expect(modes('/disk/locked')).toEqual(['700', '700', '600', '700'])
    await (await openDisk(port, { path: 'shared', fileMode: '0664', folderMode: '0775' })).put(
      key('packs/one'),
      bodyOf('x'),
      call,
    )
    expect(modes('/disk/shared')).toEqual(['775', '775', '664', '775'])
  })
})
