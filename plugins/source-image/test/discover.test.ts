import { symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { MachineRef } from '@holdfast/core'
import { toArray } from '@holdfast/testkit'
import { describe, expect, it } from 'vitest'
import { call, machineRoot, openSource, tokens, warnings } from './support/machines.js'

const anyMachine = { previous: tokens({}) }

describe('discovering machines', () => {
  it('lists folders that hold raw images or a machine.json, and nothing else', async () => {
    const root = machineRoot()
    root.disk('web/disk.raw', 512)
    root.disk('db/DISK.IMG', 512)
    root.json('diskless', { disks: [] })
    root.file('notes/readme.txt', 'no machine')
    root.disk('.hidden/disk.raw', 512)
    root.disk('loose.raw', 512)
    const session = await openSource(root.path)
    expect((await toArray(session.discover({}, call))).map(({ name }) => name).sort()).toEqual([
      'db',
      'diskless',
      'web',
    ])
  })

  it('takes id, name and labels from machine.json and selects by them', async () => {
    const root = machineRoot()
    root.json('a', { id: 'id-1', name: 'Web one', labels: { tier: 'gold' }, disks: [] })
    root.json('b', { disks: [] })
    const session = await openSource(root.path)
    const web: MachineRef = expect.objectContaining({ id: 'id-1', name: 'Web one', labels: { tier: 'gold' } })
    expect(await toArray(session.discover({ include: ['Web*'] }, call))).toEqual([web])
    expect(await toArray(session.discover({ labels: { tier: 'gold' } }, call))).toEqual([web])
    expect(await toArray(session.discover({ exclude: ['id-1'] }, call))).toEqual([{ id: 'b', name: 'b' }])
  })

  it.each([['nowhere'], ['file']])('of a root that is %s is E_SOURCE_UNAVAILABLE', async (name) => {
    const root = machineRoot()
    root.file('file', 'x')
    const session = await openSource(join(root.path, name))
    await expect(toArray(session.discover({}, call))).rejects.toMatchObject({
      code: 'E_SOURCE_UNAVAILABLE',
      hint: expect.stringContaining('path'),
    })
    await expect(session.prepare({ id: 'x', name: 'x' } as MachineRef, anyMachine, call)).rejects.toMatchObject({
      code: 'E_SOURCE_UNAVAILABLE',
    })
  })

  it('lists a machine with a broken machine.json, which fails alone when it is prepared', async () => {
    const root = machineRoot()
    root.disk('good/a.raw', 512)
    root.file('broken/machine.json', '{')
    const session = await openSource(root.path)
    const refs = await toArray(session.discover({}, call))
    expect(refs.map(({ id }) => id).sort()).toEqual(['broken', 'good'])
    expect(await toArray(session.discover({ labels: { tier: 'gold' } }, call))).toMatchObject([{ id: 'broken' }])
    await expect(session.prepare(refs.find(({ id }) => id === 'broken')!, anyMachine, call)).rejects.toMatchObject({
      code: 'E_SOURCE_INVALID',
    })
    await expect(session.prepare(refs.find(({ id }) => id === 'good')!, anyMachine, call)).resolves.toBeDefined()
  })

  it('yields an id once; preparing it names both folders that claim it', async () => {
    const root = machineRoot()
    for (const name of ['one', 'two']) root.json(name, { id: 'same', disks: [] })
    const session = await openSource(root.path)
    const refs = await toArray(session.discover({}, call))
    expect(refs).toHaveLength(1)
    await expect(session.prepare(refs[0]!, anyMachine, call)).rejects.toMatchObject({
      code: 'E_SOURCE_INVALID',
      message: expect.stringMatching(/one.*two/),
    })
  })

  it('of a machine that is not there is E_MACHINE_NOT_FOUND', async () => {
    const session = await openSource(machineRoot().path)
    await expect(session.prepare({ id: 'ghost', name: 'ghost' } as MachineRef, anyMachine, call)).rejects.toMatchObject(
      { code: 'E_MACHINE_NOT_FOUND' },
    )
  })

  it('finds a machine for prepare without a discover before', async () => {
    const root = machineRoot()
    root.json('folder', { id: 'id-1', disks: [] })
    const session = await openSource(root.path)
    await expect(session.prepare({ id: 'id-1', name: 'any' } as MachineRef, anyMachine, call)).resolves.toBeDefined()
  })

  it('follows linked machine folders unless told not to, and lists a dangling one so that it fails aloud', async () => {
    const root = machineRoot()
    const elsewhere = machineRoot()
    elsewhere.disk('real/a.raw', 512)
    symlinkSync(join(elsewhere.path, 'real'), join(root.path, 'linked'))
    symlinkSync(join(elsewhere.path, 'gone'), join(root.path, 'dangling'))
    const names = async (followSymlinks: boolean) => {
      const session = await openSource(root.path, { followSymlinks })
      return (await toArray(session.discover({}, call))).map(({ id }) => id).sort()
    }
    expect(await names(true)).toEqual(['dangling', 'linked'])
    expect(await names(false)).toEqual([])
    expect(warnings).toHaveLength(2)
  })

  it('stops when aborted', async () => {
    const root = machineRoot()
    root.json('a', { disks: [] })
    writeFileSync(join(root.path, 'x'), '')
    const session = await openSource(root.path)
    const signal = AbortSignal.abort(new Error('stop'))
    await expect(toArray(session.discover({}, { signal }))).rejects.toThrow('stop')
    await expect(session.prepare({ id: 'a', name: 'a' } as MachineRef, anyMachine, { signal })).rejects.toThrow('stop')
  })
})
