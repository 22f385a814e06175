import { isBackupError } from '@holdfast/core'
import { toArray } from '../streams.js'
import { openTarget, type TargetCheckEnvironment } from './target-check.js'

/** Removes what a check stored; locked objects stay until their time is over. */
export async function cleanUpTarget(env: TargetCheckEnvironment): Promise<void> {
  await using session = await openTarget(env)
  for (const { key } of await toArray(session.list(`${env.uniqueName}/`, { signal: env.signal }))) {
    await session.remove(key, { signal: env.signal }).catch((error: unknown) => {
      if (!isBackupError(error) || error.code !== 'E_TARGET_IMMUTABLE') throw error
    })
  }
}
