import { dirname } from 'node:path'
import type { CallOptions, ObjectInfo, ObjectKey, TargetSession } from '@holdfast/core'
import type { DiskRoot } from './disk-root.js'
import { diskError, isMissing, translating, type Where } from './errors.js'
import { getObject } from './get-object.js'
import { listObjects } from './list-objects.js'
import { absolutePath, objectPath } from './object-path.js'
import { assertPresent, foldersAreReal, rootIsThere } from './presence.js'
import { putObject } from './put-object.js'
import { syncFolder } from './sync-folder.js'

/** Makes the session of an opened folder; it holds no handle between calls. */
export function diskSession(root: DiskRoot) {
  return {
    put: (key, body, options) => putObject(root, key, body, options),
    get: (key, options) => getObject(root, key, options),
    stat: (key, options) => statObject(root, key, options),
    list: (prefix, options) => listObjects(root, prefix, options),
    remove: (key, options) => removeObject(root, key, options),
    capacity: { capacity: (options) => capacityOf(root, options) },
    [Symbol.asyncDispose]: async () => undefined,
  } satisfies TargetSession
}

async function statObject(root: DiskRoot, key: ObjectKey, { signal }: CallOptions): Promise<ObjectInfo | undefined> {
  const where: Where = { operation: 'target.stat', attempt: `look for '${key}'`, path: root.path, key }
  const place = objectPath(key)
  signal.throwIfAborted()
  try {
    if (await foldersAreReal(root, place.folders)) {
      const status = await root.fs.lstat(absolutePath(root.path, place))
      if (status.isFile()) return { key, sizeBytes: status.size, modifiedAt: status.mtime }
    }
  } catch (error) {
    if (!isMissing(error)) throw diskError(error, where)
  }
  await assertPresent(root, where)
  return undefined
}

async function removeObject(root: DiskRoot, key: ObjectKey, { signal }: CallOptions): Promise<void> {
  const where: Where = { operation: 'target.remove', attempt: `remove '${key}'`, path: root.path, key }
  const place = objectPath(key)
  signal.throwIfAborted()
  const path = absolutePath(root.path, place)
  try {
    if ((await foldersAreReal(root, place.folders)) && (await root.fs.lstat(path)).isFile()) {
      await root.fs.unlink(path)
      // In order, like writes: prune must not find after a power cut that a later removal alone has lasted.
      await syncFolder(root.fs, dirname(path))
      return
    }
  } catch (error) {
    if (!isMissing(error)) throw diskError(error, where)
  }
  await assertPresent(root, where)
}

async function capacityOf(root: DiskRoot, { signal }: CallOptions) {
  const where: Where = { operation: 'target.capacity', attempt: 'ask for the room', path: root.path }
  signal.throwIfAborted()
  const io = translating(where)
  await io(rootIsThere(root))
  await assertPresent(root, where)
  const { bsize, blocks, bavail } = await io(root.fs.statfs(root.anchor.path))
  return { totalBytes: bsize * blocks, freeBytes: bsize * bavail }
}
