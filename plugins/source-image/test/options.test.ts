import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { toArray } from '@holdfast/testkit'
import { describe, expect, it } from 'vitest'
import { type ImageSourceOptions, imageSource, plugin } from '../src/index.js'
import { call, context, machineRoot } from './support/machines.js'

describe('options', () => {
  it.each([
    [{}, /path/],
    [{ path: '' }, /path: expected the folder/],
    [{ path: 'a\0b' }, /NUL/],
    [{ path: 7 }, /path: expected the folder/],
    [{ path: 'x', followSymlinks: 'yes' }, /followSymlinks: expected true or false/],
    [{ path: 'x', folder: 'y' }, /folder/],
    [undefined, /./],
  ])('%j is refused by the factory with the field named', (options, field) => {
    const make = () => imageSource(options as ImageSourceOptions)
    expect(make).toThrow(
      expect.objectContaining({ code: 'E_CONFIG', plugin: 'image', message: expect.stringMatching(field) }),
    )
  })

  it('are checked alike for configs, through the module export', () => {
    const check = (value: unknown) => plugin.options['~standard'].validate(value)
    expect(check({ path: './m' })).toMatchObject({ value: { path: './m' } })
    expect(check({ path: './m', typo: 1 })).toMatchObject({ issues: [expect.anything()] })
    expect(plugin.create({ path: './m' })).toMatchObject({ kind: 'source', id: 'image', apiVersion: 1 })
  })

  it('carry a JSON schema for editors', () => {
    const schema = plugin.options['~standard'].jsonSchema?.input({ target: 'draft-2020-12' })
    expect(schema).toMatchObject({ required: ['path'], additionalProperties: false })
  })

  it('resolve a relative path against the config folder, not the working folder', async () => {
    const root = machineRoot()
    mkdirSync(join(root.path, 'machines'))
    root.disk('machines/web/a.raw', 512)
    const session = await imageSource({ path: 'machines' }).open(context(root.path))
    expect(await toArray(session.discover({}, call))).toEqual([{ id: 'web', name: 'web' }])
  })

  it('do not let a stopped run open a session', async () => {
    const stopped = { ...context('/'), signal: AbortSignal.abort(new Error('stop')) }
    await expect(imageSource({ path: '/' }).open(stopped)).rejects.toThrow('stop')
  })
})
