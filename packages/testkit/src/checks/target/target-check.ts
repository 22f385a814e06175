import {
  checkFacets,
  type ObjectKey,
  objectKey,
  sessionFacets,
  type TargetPlugin,
  type TargetSession,
} from '@holdfast/core'
import type { Check, CheckEnvironment } from '../check.js'
import { expectBackupError, expectBytes, expectThat } from '../expect.js'
import { bodyOf, collect, toArray } from '../streams.js'

/** What a check of a target works with. */
export type TargetCheckEnvironment = CheckEnvironment<'target'>

/** A check of a target. */
export type TargetCheck = Check<'target'>

/** Opens a session; disposing it is up to the check. */
export async function openTarget(
  env: TargetCheckEnvironment,
  plugin: TargetPlugin = env.create(),
): Promise<TargetSession> {
  return checkFacets(plugin, await plugin.open(env.context), sessionFacets.target)
}

/** Names an object below the check's own prefix. */
export function keyOf(env: TargetCheckEnvironment, name: string): ObjectKey {
  return objectKey(`${env.uniqueName}/${name}`)
}

/** Stores bytes below a key. */
export function putBytes(
  env: TargetCheckEnvironment,
  session: TargetSession,
  key: ObjectKey,
  bytes: Uint8Array,
): Promise<void> {
  return session.put(key, bodyOf(bytes), { signal: env.signal, sizeBytes: bytes.length })
}

/** Fails unless the object holds exactly `bytes`. */
export async function expectObject(
  env: TargetCheckEnvironment,
  session: TargetSession,
  key: ObjectKey,
  bytes: Uint8Array,
  what: string,
): Promise<void> {
  expectBytes(await collect(session.get(key, { signal: env.signal })), bytes, what)
  const info = await session.stat(key, { signal: env.signal })
  expectThat(info !== undefined, `${what}: stat finds nothing.`)
  expectThat(info.sizeBytes === bytes.length, `${what}: stat says ${info.sizeBytes} bytes, there are ${bytes.length}.`)
}

/** Fails when any call sees the object. */
export async function expectInvisible(
  env: TargetCheckEnvironment,
  session: TargetSession,
  key: ObjectKey,
  what: string,
): Promise<void> {
  const { signal } = env
  expectThat((await session.stat(key, { signal })) === undefined, `${what}: stat sees it.`)
  const listed = await listKeys(env, session)
  expectThat(listed.length === 0, `${what}: list shows ${listed.join(', ')}.`)
  await expectBackupError(collect(session.get(key, { signal })), ['E_OBJECT_NOT_FOUND'], `${what}: get`)
}

/** Lists the keys below the check's own prefix, sorted. */
export async function listKeys(
  env: TargetCheckEnvironment,
  session: TargetSession,
  prefix = `${env.uniqueName}/`,
): Promise<readonly string[]> {
  return (await toArray(session.list(prefix, { signal: env.signal }))).map(({ key }) => key).sort()
}

/** Works on all items, as many at once as the target bears. */
export async function inParallel<T>(
  plugin: TargetPlugin,
  items: readonly T[],
  work: (item: T, at: number) => Promise<void>,
): Promise<void> {
  const queue = items.entries()
  const workers = Array.from({ length: Math.max(1, Math.min(8, plugin.capabilities.maxConcurrency)) }, async () => {
    for (const [at, item] of queue) await work(item, at)
  })
  await Promise.all(workers)
}
