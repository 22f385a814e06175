import { type ObjectKey, type PutOptions, untilAborted } from '@holdfast/core'
import { directWriter } from '@holdfast/core/direct-file'
import { coalescingWriter } from './coalescing-writer.js'
import type { DiskRoot } from './disk-root.js'
import { ensureFolders, forgetFolders } from './durable-folders.js'
import { backupError, type Io, isMissing, translating, type Where } from './errors.js'
import { createIncoming, type IncomingFile } from './incoming.js'
import { absolutePath, type ObjectPath, objectPath } from './object-path.js'
import { assertPresent, ensureRoot } from './presence.js'
import { publish, refuseTaken } from './publish.js'
import { inTurn, type Turn } from './turn.js'

/** Smaller objects go through the page cache: they are read again soon, and another open costs more than it saves. */
const directObjectBytes = 2 ** 20

/**
 * Stores an object: temporary file, sync, link to its name, sync of the folders.
 *
 * Each step leaves either nothing or the whole object, wherever the process or the power stops. Large objects are written
 * one after another, each up to its name: a sync waits for all that the disk was given before, so that several at once
 * would end together, and the disk would stand idle until their writers came again.
 */
export async function putObject(
  root: DiskRoot,
  key: ObjectKey,
  body: AsyncIterable<Uint8Array>,
  options: PutOptions,
): Promise<void> {
  const { signal } = options
  const where: Where = { operation: 'target.put', attempt: `store '${key}'`, path: root.path, key }
  const place = objectPath(key)
  const io = translating(where)
  signal.throwIfAborted()
  if (options.retainUntil !== undefined) {
    throw backupError('E_UNSUPPORTED', `Cannot ${where.attempt} with a lock: a disk cannot lock objects.`, where)
  }
  const path = absolutePath(root.path, place)
  await io(refuseTaken(root, path, where))
  await io(ensureRoot(root, where))
  const incoming = await io(createIncoming(root, where))
  const turn = root.nextTurn()
  try {
    await io(ensureFolders(root, place.folders, where))
    if (root.fileMode.exact) await io(root.fs.chmod(incoming.path, root.fileMode.bits))
    await writeBody(root, incoming, body, turn, options, where, io)
    await io(incoming.file.sync())
    await io(incoming.close())
    signal.throwIfAborted()
    await io(giveName(root, incoming.path, place, path, where))
  } finally {
    turn.give()
    await incoming.discard()
  }
}

async function writeBody(
  root: DiskRoot,
  incoming: IncomingFile,
  body: AsyncIterable<Uint8Array>,
  turn: Turn,
  { signal, sizeBytes }: PutOptions,
  where: Where,
  io: Io,
): Promise<void> {
  const isLarge = sizeBytes !== undefined && sizeBytes >= directObjectBytes
  const direct = isLarge ? await root.fs.openDirect?.(incoming.path, incoming.file) : undefined
  try {
    const writer = coalescingWriter(directWriter(incoming.file, direct), sizeBytes)
    let written = 0
    const parts = untilAborted(body, signal)
    for await (const bytes of isLarge ? inTurn(parts, turn, signal) : parts) {
      written += bytes.length
      if (sizeBytes !== undefined && written > sizeBytes) throw wrongSize(`more than ${sizeBytes}`, sizeBytes, where)
      await io(writer.write(bytes))
    }
    if (sizeBytes !== undefined && written !== sizeBytes) throw wrongSize(`${written}`, sizeBytes, where)
    await io(writer.flush())
  } finally {
    await direct?.close()
  }
}

async function giveName(root: DiskRoot, from: string, place: ObjectPath, to: string, where: Where): Promise<void> {
  try {
    await publish(root, from, to, where)
  } catch (error) {
    if (!isMissing(error)) throw error
    // A folder that was known has been removed meanwhile.
    await assertPresent(root, where)
    forgetFolders(root)
    await ensureFolders(root, place.folders, where)
    await publish(root, from, to, where)
  }
}

function wrongSize(actual: string, announced: number, where: Where) {
  return backupError(
    'E_TARGET_IO',
    `Cannot ${where.attempt}: ${actual} bytes came, ${announced} were announced.`,
    where,
    {
      hint: 'What writes the object is at fault, not the disk.',
    },
  )
}
