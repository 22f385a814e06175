import { execFileSync } from 'node:child_process'
import { mkdirSync, symlinkSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import type { MachineRef } from '@holdfast/core'
import { describe, expect, it } from 'vitest'
import { parseMachineDescription } from '../src/machines/machine-description.js'
import { call, machineRoot, openSource, tokens } from './support/machines.js'

const parse = (value: unknown) => parseText(JSON.stringify(value))
const parseText = (text: string | Uint8Array) =>
  parseMachineDescription(typeof text === 'string' ? new TextEncoder().encode(text) : text, 'web/machine.json')
const disk = { id: 'a', file: 'a.raw' }
const changes = (extents: unknown) => ({ disks: [{ ...disk, changes: { since: 't', extents } }] })

describe('machine.json', () => {
  it('may say everything about a machine', () => {
    const whole = {
      id: 'i',
      name: 'N',
      firmware: 'uefi',
      cpus: 2,
      memoryBytes: 1024,
      labels: { a: 'b' },
      disks: [
        {
          id: 'a',
          file: 'sub/a.raw',
          format: 'vhdx',
          label: 'L',
          bus: 'virtio',
          bootOrder: 0,
          changeToken: 't2',
          changes: { since: 't1', extents: [[0, 4096]] },
        },
      ],
    }
    expect(parse(whole)).toMatchObject({
      ...whole,
      disks: [{ ...whole.disks[0], changes: { since: 't1', extents: [{ offset: 0, length: 4096 }] } }],
    })
    expect(parse({})).toEqual({})
  })

  it.each<[what: string, value: unknown, field: string]>([
    ['an unknown field', { nmae: 'x' }, 'Unrecognized key: "nmae"'],
    ['a list', [], ''],
    ['null', null, ''],
    ['an empty id', { id: '' }, 'id'],
    ['an id with a slash', { id: '../evil' }, 'id'],
    ['an id with a backslash', { id: 'a\\b' }, 'id'],
    ['an id of dots', { id: '..' }, 'id'],
    ['an id with NUL', { id: 'a\0' }, 'id'],
    ['an id with a line end', { id: 'a\nb' }, 'id'],
    ['an id of 300 characters', { id: 'x'.repeat(300) }, 'id'],
    ['a number as name', { name: 5 }, 'name'],
    ['an unknown firmware', { firmware: 'coreboot' }, 'firmware'],
    ['half a CPU', { cpus: 0.5 }, 'cpus'],
    ['negative memory', { memoryBytes: -1 }, 'memoryBytes'],
    ['memory past 2^53', { memoryBytes: 2 ** 60 }, 'memoryBytes'],
    ['a label that is a number', { labels: { a: 1 } }, 'labels.a'],
    [
      'too many labels',
      { labels: Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`l${i}`, 'x'])) },
      'labels',
    ],
    ['disks that are no list', { disks: {} }, 'disks'],
    ['too many disks', { disks: Array.from({ length: 2000 }, () => 1) }, 'disks'],
    ['a disk without a file', { disks: [{ id: 'a' }] }, 'disks[0].file'],
    ['a disk without an id', { disks: [{ file: 'a.raw' }] }, 'disks[0].id'],
    ['an unknown field of a disk', { disks: [{ ...disk, size: 1 }] }, 'disks[0]'],
    ['an unknown format', { disks: [{ ...disk, format: 'vdi' }] }, 'disks[0].format'],
    ['an unknown bus', { disks: [{ ...disk, bus: 'usb' }] }, 'disks[0].bus'],
    ['a negative boot order', { disks: [{ ...disk, bootOrder: -1 }] }, 'disks[0].bootOrder'],
    ['an empty token', { disks: [{ ...disk, changeToken: '' }] }, 'disks[0].changeToken'],
    ['one id twice', { disks: [disk, { ...disk, file: 'b.raw' }] }, 'disks[1].id'],
    ['a file above the folder', { disks: [{ id: 'a', file: '../x' }] }, 'disks[0].file'],
    ['a file above the folder, deeper', { disks: [{ id: 'a', file: 'b/../../x' }] }, 'disks[0].file'],
    ['a file above the folder, by backslash', { disks: [{ id: 'a', file: '..\\x' }] }, 'disks[0].file'],
    ['an absolute file', { disks: [{ id: 'a', file: '/etc/shadow' }] }, 'disks[0].file'],
    ['a file on another drive', { disks: [{ id: 'a', file: 'C:x' }] }, 'disks[0].file'],
    ['a file with NUL', { disks: [{ id: 'a', file: 'a\0.raw' }] }, 'disks[0].file'],
    ['an empty file', { disks: [{ id: 'a', file: '' }] }, 'disks[0].file'],
    ['extents that are no list', changes({ 0: 1 }), 'disks[0].changes.extents'],
    ['an extent that is no pair', changes([[0, 1], [0]]), 'disks[0].changes.extents[1]'],
    ['an extent of three numbers', changes([[0, 1, 2]]), 'disks[0].changes.extents[0]'],
    ['a negative offset', changes([[-1, 1]]), 'disks[0].changes.extents[0]'],
    ['a negative length', changes([[0, -1]]), 'disks[0].changes.extents[0]'],
    ['a broken offset', changes([[0.5, 1]]), 'disks[0].changes.extents[0]'],
    ['text as an offset', changes([['0', 1]]), 'disks[0].changes.extents[0]'],
    ['an extent past 2^53', changes([[Number.MAX_SAFE_INTEGER, 1]]), 'disks[0].changes.extents[0]'],
    ['changes without a base', { disks: [{ ...disk, changes: { extents: [] } }] }, 'disks[0].changes.since'],
  ])('with %s is refused, naming file and field', (_what, value, field) => {
    expect(() => parse(value)).toThrow(
      expect.objectContaining({
        code: 'E_SOURCE_INVALID',
        message: expect.stringContaining(`web/machine.json is wrong: ${field}`),
        hint: expect.stringContaining('Correct'),
      }),
    )
  })

  it.each<[what: string, text: string | Uint8Array]>([
    ['half a document', '{"name":'],
    ['nothing', ''],
    ['bytes that are not UTF-8', Uint8Array.of(0x7b, 0xff, 0x7d)],
    ['two million brackets', '['.repeat(2_000_000)],
  ])('of %s is refused', (_what, text) => {
    expect(() => parseText(text)).toThrow(expect.objectContaining({ code: 'E_SOURCE_INVALID' }))
  })

  it('does not let its text steer or flood a message', () => {
    const wrong = () => parseText(`{"${'k'.repeat(5000)}\\u001b[2J": 1}`)
    expect(wrong).toThrow(expect.objectContaining({ message: expect.not.stringMatching(/\p{Cc}/u) }))
    expect(wrong).toThrow(expect.objectContaining({ message: expect.stringMatching(/^.{1,400}$/) }))
  })

  it('cannot reach a prototype', () => {
    parseText('{"labels":{"__proto__":"x"}}')
    expect(() => parseText('{"__proto__":{"id":"x"}}')).toThrow(expect.objectContaining({ code: 'E_SOURCE_INVALID' }))
  })

  it('full of wrong entries is refused at the first, not reported entry by entry', () => {
    const hostile = [
      `{"disks":[${'1,'.repeat(4e6)}1]}`,
      `{"disks":[{"id":"a","file":"a","changes":{"since":"t","extents":[${'1,'.repeat(4e6)}1]}}]}`,
    ]
    for (const text of hostile) {
      const before = process.memoryUsage.rss()
      expect(() => parseText(text)).toThrow(expect.objectContaining({ code: 'E_SOURCE_INVALID' }))
      expect(process.memoryUsage.rss() - before).toBeLessThan(600e6)
    }
  })
})

describe('the file machine.json', () => {
  const prepare = async (path: string, followSymlinks = true) => {
    const session = await openSource(path, { followSymlinks })
    return session.prepare({ id: 'web', name: 'web' } as MachineRef, { previous: tokens({}) }, call)
  }

  it('above 8 MiB is refused unread', async () => {
    const root = machineRoot()
    truncateSync(root.file('web/machine.json', '{}'), 8 * 2 ** 20 + 1)
    await expect(prepare(root.path)).rejects.toMatchObject({
      code: 'E_SOURCE_INVALID',
      message: expect.stringContaining('too large'),
    })
  })

  it.each<[what: string, make: (path: string) => void, reason: RegExp]>([
    ['a FIFO', (path) => execFileSync('mkfifo', [path]), /a FIFO/],
    ['a folder', (path) => mkdirSync(path), /a folder/],
    ['a device', (path) => symlinkSync('/dev/zero', path), /device/],
    ['a dangling link', (path) => symlinkSync('/nowhere/at/all', path), /no such file/],
  ])('that is %s is refused instead of ignored or waited for', async (_what, make, reason) => {
    const root = machineRoot()
    root.disk('web/a.raw', 512)
    make(join(root.path, 'web', 'machine.json'))
    await expect(prepare(root.path)).rejects.toMatchObject({
      code: 'E_SOURCE_INVALID',
      message: expect.stringMatching(reason),
    })
  })

  it('may be a link to elsewhere only with followSymlinks', async () => {
    const root = machineRoot()
    root.folder('web')
    symlinkSync(machineRoot().file('shared.json', '{"disks":[]}'), join(root.path, 'web', 'machine.json'))
    await expect(prepare(root.path)).resolves.toBeDefined()
    await expect(prepare(root.path, false)).rejects.toMatchObject({ code: 'E_SOURCE_INVALID' })
  })

  it('is needed when two images would have one id', async () => {
    const root = machineRoot()
    root.disk('web/a.raw', 512)
    root.disk('web/a.img', 512)
    await expect(prepare(root.path)).rejects.toMatchObject({
      code: 'E_SOURCE_INVALID',
      message: expect.stringMatching(/a\.img and a\.raw/),
    })
  })
})
