import { type ObjectKey, secretValue, type TargetPlugin, wrapTarget } from '@holdfast/core'
import { addKey, type KeyReport, listKeys, revokeKey, rotateKeys } from '@holdfast/core/engine'
import type { Repository } from '@holdfast/core/repository'
import { seededBytes } from '@holdfast/testkit/images'
import { type MemoryTarget, memorySource, memoryTarget } from '@holdfast/testkit/memory'
import { aesGcmTransform } from '@holdfast/transform-aes-gcm'
import { describe, expect, test } from 'vitest'
import { equalBytes, type Lab, lab } from './support/lab.js'
import { withDisks } from './support/sources.js'

const call = { signal: new AbortController().signal }
const transforms = [aesGcmTransform({ passphrase: { env: 'KEYS' } })]
const withPassphrase = (passphrase: string): Lab =>
  lab({ workers: 1, resolveSecret: async () => secretValue(passphrase) })
const first = withPassphrase('first')
const second = withPassphrase('second')

const targetOn = (plugin: TargetPlugin) => ({ name: 't', plugin, transforms })

async function keyChange(
  plugin: TargetPlugin,
  change: (repository: Repository) => Promise<KeyReport>,
): Promise<KeyReport> {
  await using opened = await first.open(targetOn(plugin))
  return await change(opened.repository)
}

async function site() {
  const plugin = memoryTarget()
  const source = memorySource({ machines: [{ name: 'm', disks: { d: seededBytes(400_000, 1) } }] })
  await first.init(targetOn(plugin))
  return { plugin, source, target: targetOn(plugin) }
}

async function dataKeysOfPacks({ objects }: MemoryTarget): Promise<ReadonlySet<string>> {
  const packs = objects.keys().filter((key) => key.startsWith('packs/'))
  return new Set(packs.map((key) => Buffer.from(objects.find(key)?.bytes.subarray(40, 48) ?? []).toString('hex')))
}

describe('keys', () => {
  test('a rotated key encrypts what is new, and old points stay readable', async () => {
    const { plugin, source, target } = await site()
    await first.run(source, [target])
    const before = source.bytes('m', 'd')
    expect(await keyChange(plugin, (repository) => rotateKeys(repository, call))).toMatchObject({ dataKeys: 2 })
    source.mutate('m', 'd', 0, seededBytes(100_000, 2))
    await first.run(source, [target])
    expect((await dataKeysOfPacks(plugin)).size).toBe(2)
    const [old, fresh] = await first.points(target)
    expect(equalBytes(old && (await first.restore(target, old.point)).get('d'), before)).toBe(true)
    expect(equalBytes(fresh && (await first.restore(target, fresh.point)).get('d'), source.bytes('m', 'd'))).toBe(true)
  })

  test('a revoked passphrase opens nothing, others open all', async () => {
    const { plugin, source, target } = await site()
    await first.run(source, [target])
    await keyChange(plugin, (repository) => addKey(repository, 'second', 'colleague', call))
    expect(await second.points(target)).toHaveLength(1)
    await second.run(source, [target])
    await keyChange(plugin, (repository) => revokeKey(repository, 'colleague', call))
    await expect(second.points(target)).rejects.toMatchObject({ code: 'E_KEY_WRONG' })
    await expect(second.run(source, [target])).rejects.toMatchObject({ code: 'E_KEY_WRONG' })
    await first.run(source, [target])
    expect(await first.points(target)).toHaveLength(3)
    expect((await first.verify(target)).damage).toEqual([])
  })

  test('the last passphrase and unknown ones cannot be revoked', async () => {
    const { plugin } = await site()
    for (const slot of ['first', 'nobody']) {
      const revoked = keyChange(plugin, (repository) => revokeKey(repository, slot, call))
      await expect(revoked).rejects.toMatchObject({ code: 'E_USAGE' })
    }
  })

  test('a rotation beside a run harms neither', async () => {
    const { plugin, source, target } = await site()
    const reading = Promise.withResolvers<void>()
    const rotated = Promise.withResolvers<void>()
    const waiting = withDisks(source, (disk) => ({
      ...disk,
      readInto: async (offset, into, options) => {
        reading.resolve()
        await rotated.promise
        return disk.readInto(offset, into, options)
      },
    }))
    const running = first.run(waiting, [target])
    await reading.promise
    await keyChange(plugin, (repository) => rotateKeys(repository, call))
    rotated.resolve()
    expect((await running).status).toBe('done')
    expect((await first.verify(target)).damage).toEqual([])
    const [entry] = await first.points(target)
    expect(equalBytes(entry && (await first.restore(target, entry.point)).get('d'), source.bytes('m', 'd'))).toBe(true)
  })

  test('of two changes that find each other one says so, and all data stays readable', async () => {
    const { plugin, source, target } = await site()
    await first.run(source, [target])
    await using one = await first.open(target)
    await using other = await first.open(target)
    await rotateKeys(one.repository, call)
    await first.run(source, [target])
    await expect(rotateKeys(other.repository, call)).rejects.toMatchObject({ code: 'E_USAGE' })
    expect((await first.verify(target)).damage).toEqual([])
    await keyChange(plugin, (repository) => rotateKeys(repository, call))
    expect((await first.verify(target)).damage).toEqual([])
  })

  test.for(['rotate', 'add', 'revoke'] as const)(
    'killed between any two steps of %s, all is readable and the change can be made again',
    async (action) => {
      const { plugin, source, target } = await site()
      await first.run(source, [target])
      if (action === 'revoke') await keyChange(plugin, (repository) => addKey(repository, 'second', 'colleague', call))
      const changes = {
        rotate: (repository: Repository) => rotateKeys(repository, call),
        add: (repository: Repository) => addKey(repository, 'second', 'colleague', call),
        revoke: (repository: Repository) => revokeKey(repository, 'colleague', call),
      }
      const states = await statesOf(plugin, (recorded) => keyChange(recorded, changes[action]))
      expect(states.length).toBe(4)
      for (const state of states) {
        const killed = memoryTarget()
        for (const [key, bytes] of state) killed.objects.overwrite(key, bytes)
        expect((await first.verify(targetOn(killed))).damage).toEqual([])
        await first.run(source, [targetOn(killed)])
        const known = await keyChange(killed, async (repository) => listKeys(repository))
        const isThere = known.slots.some(({ label }) => label === 'colleague')
        await keyChange(killed, action === 'add' && isThere ? changes.rotate : changes[action])
        // Nothing half done is left: one key object with its twin.
        expect(killed.objects.keys().filter((key) => key.startsWith('keys/'))).toHaveLength(2)
        const opens = second.points(targetOn(killed))
        if (action === 'add') await expect(opens).resolves.toHaveLength(2)
        else await expect(opens).rejects.toMatchObject({ code: 'E_KEY_WRONG' })
      }
    },
  )
})

type State = ReadonlyMap<ObjectKey, Uint8Array>

/** What a kill before each change of the target leaves. */
async function statesOf(
  inner: MemoryTarget,
  action: (plugin: TargetPlugin) => Promise<unknown>,
): Promise<readonly State[]> {
  const states: State[] = []
  const keep = () => {
    states.push(new Map(inner.objects.keys().map((key) => [key, inner.objects.find(key)?.bytes ?? new Uint8Array()])))
  }
  const recorded = wrapTarget(inner, (session) => ({
    ...session,
    put: (key, body, options) => {
      keep()
      return session.put(key, body, options)
    },
    remove: (key, options) => {
      keep()
      return session.remove(key, options)
    },
  }))
  await action(recorded)
  return states
}
