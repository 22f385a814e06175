import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { toArray } from '@holdfast/testkit'
import { describe, expect, it } from 'vitest'
import { type ImageSourceOptions, imageSource, plugin } from '../src/index.js'
import { mib, writeImage } from './support/images.js'
import { call, context, machineRoot, refOf, tokens } from './support/machines.js'

describe('options', () => {
  it.each([
    [{}, /path/],
    [{ path: '' }, /path: expected the folder/],
    [{ path: 'a\0b' }, /NUL/],
    [{ path: 7 }, /path: expected the folder/],
    [{ path: 'x', followSymlinks: 'yes' }, /followSymlinks: expected true or false/],
    [{ path: 'x', folder: 'y' }, /folder/],
    [{ path: 'x', parentsIn: '/templates' }, /parentsIn: expected a list of folders/],
    [{ path: 'x', parentsIn: [''] }, /parentsIn\.0: expected a folder that holds shared images/],
    [{ path: 'x', parentsIn: ['a\0b'] }, /parentsIn\.0: .*NUL/],
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

  it('resolve the folders of parents against the config folder too', async () => {
    const root = machineRoot()
    const parent = await writeImage(join(root.path, 'templates', 'base.qcow2'), { format: 'qcow2', sizeBytes: mib })
    await writeImage(join(root.path, 'machines', 'web', 'a.qcow2'), { format: 'qcow2', sizeBytes: mib, parent })
    const session = await imageSource({ path: 'machines', parentsIn: ['templates'] }).open(context(root.path))
    const prepared = await session.prepare(await refOf(session, 'web'), { previous: tokens({}) }, call)
    await using taken = await prepared.take(call)
    expect(taken.disks.map(({ id }) => id)).toEqual(['a'])
  })

  it('do not let a stopped run open a session', async () => {
    const stopped = { ...context('/'), signal: AbortSignal.abort(new Error('stop')) }
    await expect(imageSource({ path: '/' }).open(stopped)).rejects.toThrow('stop')
  })
})
