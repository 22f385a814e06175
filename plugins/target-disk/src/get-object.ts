import { constants } from 'node:fs'
import type { GetOptions, ObjectKey } from '@holdfast/core'
import type { DiskRoot } from './disk-root.js'
import { backupError, diskError, errnoOf, type Io, isMissing, translating, type Where } from './errors.js'
import type { OpenFile } from './file-system.js'
import { absolutePath, objectPath } from './object-path.js'
import { assertPresent, foldersAreReal } from './presence.js'

/** Bytes read at once where the caller has no memory for them. */
const bufferBytes = 512 * 1024

/** Reads an object or a range of it, into the caller's memory where there is some, else again and again into the same. */
export async function* getObject(
  root: DiskRoot,
  key: ObjectKey,
  options: GetOptions,
): AsyncGenerator<Uint8Array, void> {
  const { signal } = options
  const where: Where = { operation: 'target.get', attempt: `read '${key}'`, path: root.path, key }
  const io = translating(where)
  signal.throwIfAborted()
  const { file, sizeBytes } = await openObject(root, key, where)
  let buffer: Uint8Array | undefined
  try {
    const { offset, length } = rangeOf(options, sizeBytes, where)
    for (let done = 0; done < length; ) {
      signal.throwIfAborted()
      let memory = options.memory?.()
      if (memory === undefined || memory.length === 0) {
        buffer ??= root.spareBuffers.pop() ?? new Uint8Array(bufferBytes)
        memory = buffer
      }
      const wanted = Math.min(memory.length, length - done)
      await readFully(file, memory, wanted, offset + done, where, io)
      signal.throwIfAborted()
      done += wanted
      yield memory.subarray(0, wanted)
    }
  } finally {
    if (buffer !== undefined) root.spareBuffers.push(buffer)
    await io(file.close())
  }
}

async function openObject(
  root: DiskRoot,
  key: ObjectKey,
  where: Where,
): Promise<{ readonly file: OpenFile; readonly sizeBytes: number }> {
  const place = objectPath(key)
  try {
    if (await foldersAreReal(root, place.folders)) {
      // Without O_NONBLOCK a FIFO that someone put there would hold the call for ever.
      const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
      const file = await root.fs.open(absolutePath(root.path, place), flags)
      const status = await file.stat()
      if (status.isFile()) return { file, sizeBytes: status.size }
      await file.close()
    }
  } catch (error) {
    if (!isMissing(error) && errnoOf(error) !== 'ELOOP') throw diskError(error, where)
  }
  await assertPresent(root, where)
  throw backupError('E_OBJECT_NOT_FOUND', `Cannot ${where.attempt}: there is no such object in ${root.path}.`, where)
}

function rangeOf({ range }: GetOptions, sizeBytes: number, where: Where): { offset: number; length: number } {
  if (range === undefined) return { offset: 0, length: sizeBytes }
  const { offset, length } = range
  if (![offset, length, offset + length].every((value) => Number.isSafeInteger(value) && value >= 0)) {
    throw backupError('E_USAGE', `Cannot ${where.attempt}: a range of ${length} bytes from ${offset} is none.`, where)
  }
  if (offset + length > sizeBytes) throw tooShort(`${sizeBytes} bytes`, offset, length, where)
  return { offset, length }
}

async function readFully(
  file: OpenFile,
  buffer: Uint8Array,
  length: number,
  position: number,
  where: Where,
  io: Io,
): Promise<void> {
  for (let done = 0; done < length; ) {
    const { bytesRead } = await io(file.read(buffer, done, length - done, position + done))
    if (bytesRead === 0) throw tooShort(`${position + done} bytes by now`, position, length, where)
    done += bytesRead
  }
}

function tooShort(size: string, offset: number, length: number, where: Where) {
  return backupError(
    'E_DAMAGED',
    `Cannot ${where.attempt}: it has ${size}, ${length} from ${offset} were asked for.`,
    where,
    {
      hint: 'The file was truncated. Run `holdfast verify`, and `holdfast repair` when another target has a copy.',
    },
  )
}
