import { isBackupError } from '@holdfast/core'
import { toArray } from '../streams.js'
import { openTarget, type TargetCheckEnvironment } from './target-check.js'

/** Removes what a check stored; locked objects stay until their time is over, and on some targets all do. */
export async function cleanUpTarget(env: TargetCheckEnvironment): Promise<void> {
  const plugin = env.create()
  if (!plugin.capabilities.removes) return
  await using session = await openTarget(env, plugin)
  for (const { key } of await toArray(session.list(`${env.uniqueName}/`, { signal: env.signal }))) {
    await session.remove(key, { signal: env.signal }).catch((error: unknown) => {
      if (!isBackupError(error) || error.code !== 'E_TARGET_IMMUTABLE') throw error
    })
  }
}
