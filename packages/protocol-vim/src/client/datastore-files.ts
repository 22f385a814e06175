import { VimError } from '../vim-error.js'
import type { CallOptions } from './call-options.js'
import type { DatastorePath } from './datastore-path.js'
import { type HttpAnswer, textOf } from './http-channel.js'
import type { VimSession } from './vim-session.js'

/** A span of a file. */
export interface FileRange {
  readonly offset: number
  readonly length: number
}

/**
 * Files of the datastores of a datacenter, over HTTP (vSphere Web Services SDK Programming Guide, "HTTP access to vSphere Server files").
 * It needs the privileges `Datastore.Browse` and `Datastore.FileManagement`.
 */
export interface DatastoreFiles {
  /** Its size in bytes; undefined when there is no such file. */
  readonly sizeOf: (file: DatastorePath, options?: CallOptions) => Promise<number | undefined>
  /** Reads a span, as it comes. @throws VimError `http` when there is no such span; what transfers throw */
  readonly read: (file: DatastorePath, range: FileRange, options?: CallOptions) => AsyncGenerator<Uint8Array>
  /** Reads a file of text. @throws VimError `limit` beyond 16 MiB */
  readonly readText: (file: DatastorePath, options?: CallOptions) => Promise<string>
  /** Writes a file whole; folders on the way to it are made. */
  readonly write: (
    file: DatastorePath,
    content: string | { readonly sizeBytes: number; readonly bytes: AsyncIterable<Uint8Array> },
    options?: CallOptions,
  ) => Promise<void>
}

const longestText = 2 ** 24

/** Reaches the files of a datacenter; a bare host's is `ha-datacenter`. */
export function datastoreFiles(session: VimSession, datacenter: string): DatastoreFiles {
  const pathOf = ({ datastore, path }: DatastorePath) => {
    const encoded = path.split('/').map(encodeURIComponent).join('/')
    return `/folder/${encoded}?${new URLSearchParams({ dcPath: datacenter, dsName: datastore })}`
  }
  return {
    sizeOf: async (file, options) => {
      using answer = await session.send({ method: 'HEAD', path: pathOf(file) }, options)
      if (answer.status === 404) return undefined
      requireStatus(answer, [200], file)
      return Number(answer.headers['content-length'])
    },
    read: async function* (file, { offset, length }, options) {
      if (length === 0) return
      const range = `bytes=${offset}-${offset + length - 1}`
      using answer = await session.send({ method: 'GET', path: pathOf(file), headers: { range } }, options)
      // A server that ignores the range would send all of it, from its start.
      requireStatus(answer, [206], file)
      if (!answer.headers['content-range']?.startsWith(`bytes ${offset}-`))
        throw new VimError('protocol', `The server sends another span of ${file.path} than ${range}.`)
      let left = length
      for await (const piece of answer.body) {
        left -= piece.length
        if (left < 0) throw new VimError('protocol', `The server sends more of ${file.path} than ${range}.`)
        yield piece
      }
      if (left > 0) throw new VimError('closed', `The server sends less of ${file.path} than ${range}.`)
    },
    readText: async (file, options) => {
      using answer = await session.send({ method: 'GET', path: pathOf(file) }, options)
      requireStatus(answer, [200], file)
      return await textOf(answer, longestText)
    },
    write: async (file, content, options) => {
      const body = typeof content === 'string' ? content : content.bytes
      const size = typeof content === 'string' ? Buffer.byteLength(content) : content.sizeBytes
      const headers = { 'content-type': 'application/octet-stream', 'content-length': String(size) }
      using answer = await session.send({ method: 'PUT', path: pathOf(file), headers, body }, options)
      requireStatus(answer, [200, 201, 204], file)
    },
  }
}

function requireStatus({ status }: HttpAnswer, wanted: readonly number[], { datastore, path }: DatastorePath): void {
  if (wanted.includes(status)) return
  const hints: Readonly<Record<number, string>> = {
    401: 'The user lacks the privilege Datastore.Browse, or the session has ended.',
    403: 'The user lacks the privilege Datastore.Browse or Datastore.FileManagement.',
    404: 'There is no such file.',
  }
  throw new VimError('http', `[${datastore}] ${path} was answered with HTTP status ${status}.`, {
    status,
    hint: hints[status],
  })
}
