import { Buffer } from 'node:buffer'
import { copyPoints, repairRepository } from '@holdfast/core/engine'
import type { BootEvidence } from '@holdfast/core/repository'
import { memoryTarget } from '@holdfast/testkit/memory'
import { aesGcmTransform } from '@holdfast/transform-aes-gcm'
import { describe, expect, test } from 'vitest'
import { bootLab, login } from './support/boot-lab.js'
import { hostileWriter } from './support/hostile.js'
import { key } from './support/outcome.js'
import { plainPayload } from './support/plain-envelope.js'

const call = { signal: new AbortController().signal }
const quick = { ...login, timeoutMs: 200 }
const keyed = [aesGcmTransform({ passphrase: { env: 'BOOT' } })]

describe('evidence of a boot', () => {
  test.each([
    ['plain', []],
    ['encrypted', keyed],
  ])('in a %s repository goes with its point, and a prune keeps it as long', async (_, transforms) => {
    const { boot, run, prune, points, verify, source, target } = await bootLab({}, { transforms })
    const { evidence, note } = await boot()
    await run(source, [target])
    expect((await points(target)).map(({ verifications }) => verifications)).toEqual([[evidence], []])
    await prune(target, { retentionOf: () => ({ last: 2 }) })
    expect(target.plugin.objects.keys()).toContain(note)
    const shown = Buffer.from(target.plugin.objects.find(note ?? key(''))?.bytes ?? []).includes('login:')
    expect(shown).toBe(transforms.length === 0)
    await verify(target)
    expect((await points(target))[0]?.verifications.map(({ level }) => level)).toEqual(['boot', 'data'])
    await prune(target)
    expect(target.plugin.objects.keys().filter((name) => name.startsWith('verified/'))).toHaveLength(1)
    expect((await points(target))[0]?.verifications.map(({ level }) => level)).toEqual(['data'])
  })

  test('is told in the order in which it was made, and never rewritten', async () => {
    const { boot, points, target } = await bootLab()
    const made: BootEvidence[] = []
    const notes = new Set<string | undefined>()
    for (let round = 0; round < 4; round++) {
      const { evidence, note } = await boot(round % 2 === 0 ? {} : { probe: { ...quick, pattern: 'never' } })
      made.push(evidence)
      notes.add(note)
    }
    expect(notes.size).toBe(4)
    expect((await points(target))[0]?.verifications).toEqual(made)
    const [note = '', first] = [[...notes][0], made[0]]
    const later = { ...first, at: '2100-01-01T00:00:00.000Z' }
    hostileWriter(target.plugin).seal(note, later)
    expect((await points(target))[0]?.verifications).toEqual([...made.slice(1), later])
  })

  test('counts as verified for retention when the point was restored and came up', async () => {
    const { boot, run, prune, points, source, target } = await bootLab()
    const { evidence } = await boot()
    await run(source, [target])
    await run(source, [target])
    const floor = { retentionOf: () => ({ last: 1, minimumVerified: 1 }) }
    await prune(target, floor)
    expect((await points(target)).map(({ verifications }) => verifications.length)).toEqual([1, 0])
    expect(evidence.passed).toBe(true)
  })

  test.each([
    ['did not come up', { passed: false, error: { code: 'E_BOOT', message: 'It ended.' } }],
    ['was only read through an overlay', { disks: 'overlay' }],
  ])('of a machine that %s does not', async (_, change) => {
    const { boot, run, prune, points, source, target } = await bootLab()
    const { evidence, note } = await boot()
    hostileWriter(target.plugin).seal(note ?? '', { ...evidence, ...change })
    expect((await points(target))[0]?.verifications).toHaveLength(1)
    await run(source, [target])
    await prune(target, { retentionOf: () => ({ last: 1, minimumVerified: 1 }) })
    expect(await points(target)).toHaveLength(1)
  })

  test('stays with the copy that was booted: a copy on another target was not', async () => {
    const { boot, init, open, points, target } = await bootLab()
    await boot()
    const other = { name: 'offsite', plugin: memoryTarget(), transforms: [] }
    await init(other)
    await using from = await open(target)
    await using to = await open(other)
    await copyPoints(from.repository, to.repository, await points(target), { ...call, transforms: [], workers: 1 })
    expect((await points(other)).map(({ verifications }) => verifications)).toEqual([[]])
    expect((await points(target))[0]?.verifications).toHaveLength(1)
  })

  test('outlives a repair that leaves the manifest as it was, also when that was lost', async () => {
    const { boot, open, points, verify, target } = await bootLab()
    const { evidence } = await boot()
    const objects = target.plugin.objects
    const manifest = objects.keys().find((name) => name.startsWith('points/'))
    if (manifest === undefined) throw new Error('no manifest')
    objects.drop(manifest)
    await using opened = await open(target)
    const { stillBroken } = await repairRepository(opened.repository, undefined, { ...call, transforms: [] })
    expect(stillBroken).toEqual([])
    expect((await points(target))[0]?.verifications).toEqual([evidence])
    expect((await verify(target)).damage).toEqual([])
  })

  test('goes with the manifest that a repair replaces by that of another repository', async () => {
    const { boot, run, init, open, points, verify, source, target } = await bootLab()
    const other = { name: 'offsite', plugin: memoryTarget(), transforms: [] }
    await init(other)
    await run(source, [target, other])
    const { note } = await boot()
    const [, lost] = await points(target)
    if (note === undefined || lost === undefined) throw new Error('no evidence was stored')
    const { objects } = target.plugin
    objects.drop(lost.key)
    objects.drop(key(lost.key.replace('points/', 'point-copies/')))
    objects.overwrite(lost.key, Buffer.from('nothing'))
    await using to = await open(target)
    await using from = await open(other)
    const { mended, stillBroken } = await repairRepository(to.repository, from.repository, { ...call, transforms: [] })
    expect(stillBroken).toEqual([])
    expect(mended).toContainEqual(expect.stringContaining(note))
    expect((await points(target)).map(({ verifications }) => verifications)).toEqual([[], []])
    expect((await verify(target)).damage).toEqual([])
  })
})

describe('a note in the place of evidence', () => {
  const hostile: Readonly<Record<string, (evidence: BootEvidence) => object | Uint8Array>> = {
    'of another point': (evidence) => ({ ...evidence, point: '20200101T000000Z-000000000000' }),
    'of other content': (evidence) => ({ ...evidence, manifestSha256: '0'.repeat(64) }),
    'of a later format': (evidence) => ({ ...evidence, format: 2 }),
    'of another level': (evidence) => ({ ...evidence, level: 'flight' }),
    'without verdict': ({ passed: _, ...rest }) => rest,
    'that passed without saying what was seen': (evidence) => ({ ...evidence, output: undefined }),
    'that failed without an error': (evidence) => ({ ...evidence, passed: false }),
    'with a digest that is none': (evidence) => ({ ...evidence, outputSha256: 'SHA-256' }),
    'with an error that is none': (evidence) => ({ ...evidence, passed: false, error: [] }),
    'of no time': (evidence) => ({ ...evidence, at: 'yesterday' }),
    'with a negative time': (evidence) => ({ ...evidence, restoreMs: -1 }),
    'with a time that is text': (evidence) => ({ ...evidence, bootMs: '1' }),
    'of nobody': (evidence) => ({ ...evidence, by: null }),
    'with a probe of control characters': (evidence) => ({ ...evidence, probe: { ...login, pattern: '\x1b[2J' } }),
    'with an unknown probe': (evidence) => ({ ...evidence, probe: { kind: 'ping', timeoutMs: 1 } }),
    'of disks from nowhere': (evidence) => ({ ...evidence, disks: 'imagined' }),
    'that is null': () => Buffer.from('null'),
    'that is no JSON': () => Buffer.from('{"level":"boot"'),
    'that is empty': () => Buffer.alloc(0),
    'of a million characters': (evidence) => ({ ...evidence, output: 'x'.repeat(1_000_000) }),
    'nested a thousandfold': () => Buffer.from('['.repeat(30_000)),
    'of data, of no time': () => ({ level: 'data', at: 1, evidence: 'all of it' }),
    'of data, without words': () => ({ level: 'data', at: '2026-11-22T00:00:00Z' }),
  }
  test.each(Object.entries(hostile))('%s is refused and named, and its point stays', async (_, payload) => {
    const { boot, open, points, verify, target } = await bootLab()
    const { evidence, note } = await boot()
    if (note === undefined) throw new Error('no evidence was stored')
    hostileWriter(target.plugin).seal(note, payload(evidence))
    await using opened = await open(target)
    const { entries, damaged } = await opened.repository.points.list(call)
    expect(entries.map(({ verifications }) => verifications)).toEqual([[]])
    expect(damaged).toMatchObject([{ key: note, error: { code: 'E_DAMAGED', context: { object: note } } }])
    expect((await verify(target)).damage.map(({ object }) => object)).toEqual([note])
    const { mended, stillBroken } = await repairRepository(opened.repository, undefined, { ...call, transforms: [] })
    expect(stillBroken).toEqual([])
    expect(mended).toEqual([expect.stringContaining(note)])
    expect((await points(target))[0]?.verifications.map(({ level }) => level)).toEqual(['data'])
  })

  test('copied over from another point is refused and named', async () => {
    const { boot, run, open, source, target } = await bootLab()
    const { note: first } = await boot()
    await run(source, [target])
    const { note: second } = await boot()
    if (first === undefined || second === undefined) throw new Error('no evidence was stored')
    const { objects } = target.plugin
    const bytes = objects.find(first)?.bytes ?? new Uint8Array()
    objects.overwrite(second, bytes)
    await using opened = await open(target)
    const damagedNow = async () => (await opened.repository.points.list(call)).damaged
    expect(await damagedNow()).toMatchObject([{ key: second, error: { message: expect.stringContaining('digest') } }])
    hostileWriter(target.plugin).seal(second, plainPayload(bytes))
    const other = { key: second, error: { message: expect.stringMatching(/evidence of another point, \d{8}T/) } }
    expect(await damagedNow()).toMatchObject([other])
    objects.overwrite(second, bytes.subarray(0, bytes.length / 2))
    expect(await damagedNow()).toMatchObject([{ key: second, error: { code: 'E_DAMAGED' } }])
  })

  test('that an earlier version wrote is read as it was', async () => {
    const { open, points, target } = await bootLab()
    const [entry] = await points(target)
    const name = `verified/${entry?.key.slice('points/'.length)}/0123456789abcdef`
    const old = { at: '2026-11-22T10:00:00.000Z', level: 'data', evidence: 'every chunk was read, decoded and hashed' }
    hostileWriter(target.plugin).seal(name, old)
    await using opened = await open(target)
    expect((await opened.repository.points.list(call)).entries[0]?.verifications).toEqual([old])
  })

  test('does not cost a point without evidence anything: notes are listed once, whatever the number of points', async () => {
    const { run, source, target, open } = await bootLab()
    for (let i = 0; i < 4; i++) await run(source, [target])
    await using opened = await open(target)
    const asked: string[] = []
    const { store } = opened.repository
    const { session } = store
    const list = session.list.bind(session)
    Object.assign(session, {
      list: (prefix: string, options: typeof call) => {
        asked.push(prefix)
        return list(prefix, options)
      },
    })
    const { entries } = await opened.repository.points.list(call)
    expect(entries).toHaveLength(5)
    expect(asked.filter((prefix) => prefix.startsWith('verified/'))).toEqual(['verified/'])
  })
})
