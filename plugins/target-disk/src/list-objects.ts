import { join } from 'node:path'
import type { CallOptions, ObjectInfo } from '@holdfast/core'
import type { DiskRoot } from './disk-root.js'
import { diskError, isMissing, type Where } from './errors.js'
import type { FileStatus } from './file-system.js'
import { isPart, keyOfParts, nameOfPart, partOfName } from './object-path.js'
import { assertPresent, foldersAreReal } from './presence.js'

/** Names whose status is asked for together. */
const batchSize = 32

/** Yields every object below the root whose key starts with `prefix`, walking folders as the caller goes on. */
export async function* listObjects(
  root: DiskRoot,
  prefix: string,
  { signal }: CallOptions,
): AsyncGenerator<ObjectInfo, void> {
  const where: Where = { operation: 'target.list', attempt: 'list the objects', path: root.path }
  signal.throwIfAborted()
  const start = prefix.split('/').slice(0, -1)
  try {
    await assertPresent(root, where)
    if (!start.every(isPart) || !(await foldersAreReal(root, start.map(nameOfPart)))) return
  } catch (error) {
    throw diskError(error, where)
  }
  yield* walk({ root, prefix, signal, where }, start)
}

interface Walk {
  readonly root: DiskRoot
  readonly prefix: string
  readonly signal: AbortSignal
  readonly where: Where
}

async function* walk(context: Walk, parts: readonly string[]): AsyncGenerator<ObjectInfo, void> {
  const { root, prefix, signal } = context
  for await (const found of describedEntries(context, parts)) {
    signal.throwIfAborted()
    const { status } = found
    const inner = [...parts, found.part]
    const text = inner.join('/')
    if (status.isDirectory()) {
      if (`${text}/`.startsWith(prefix) || prefix.startsWith(`${text}/`)) yield* walk(context, inner)
    } else if (status.isFile() && text.startsWith(prefix)) {
      const key = keyOfParts(inner)
      if (key !== undefined) yield { key, sizeBytes: status.size, modifiedAt: status.mtime }
    }
  }
  // A disk that went away in between would read as an empty folder.
  if (parts.length === 0) await assertPresent(root, context.where)
}

interface Described {
  readonly part: string
  readonly status: FileStatus
}

/** Yields the entries of a folder that may be or hold objects; one that vanishes meanwhile is left out. */
async function* describedEntries({ root, where }: Walk, parts: readonly string[]): AsyncGenerator<Described, void> {
  const path = join(root.path, ...parts.map(nameOfPart))
  const describe = async (part: string): Promise<Described | undefined> => {
    try {
      return { part, status: await root.fs.lstat(join(path, nameOfPart(part))) }
    } catch (error) {
      if (isMissing(error)) return undefined
      throw error
    }
  }
  for await (const batch of batches(entries(root, path, where))) {
    let described: readonly (Described | undefined)[]
    try {
      described = await Promise.all(batch.map(describe))
    } catch (error) {
      throw diskError(error, where)
    }
    for (const one of described) if (one !== undefined) yield one
  }
}

async function* entries(root: DiskRoot, path: string, where: Where): AsyncGenerator<string, void> {
  try {
    for await (const entry of await root.fs.opendir(path)) {
      const part = partOfName(entry.name)
      if (part !== undefined) yield part
    }
  } catch (error) {
    if (!isMissing(error)) throw diskError(error, where)
  }
}

async function* batches(items: AsyncIterable<string>): AsyncGenerator<readonly string[], void> {
  let batch: string[] = []
  for await (const item of items) {
    batch.push(item)
    if (batch.length < batchSize) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}
