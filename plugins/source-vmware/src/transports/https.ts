import type { Clock } from '@holdfast/core'
import { type NamedSource, openImage } from '@holdfast/formats'
import { vmdkCodec } from '@holdfast/formats/vmdk'
import {
  type DatastoreFiles,
  type DatastorePath,
  formatDatastorePath,
  isVimError,
  parseDatastorePath,
} from '@holdfast/protocol-vim'
import { sourceError } from '../errors.js'
import { datastoreOpener, type OpenDatastoreFile } from './datastore-opener.js'
import type { Transport } from './transport.js'

const attempts = 6
const firstPauseMs = 250

/** Reads spans of the files of datastores over HTTPS, as they are asked for. */
export function httpsTransport(files: DatastoreFiles, clock: Clock): Transport {
  const open = async (file: DatastorePath, signal: AbortSignal): Promise<NamedSource | undefined> => {
    const sizeBytes = await files.sizeOf(file, { signal })
    if (sizeBytes === undefined) return undefined
    return {
      name: formatDatastorePath(file),
      source: { sizeBytes, read: (offset, into) => readSpan(files, file, { offset, into }, { clock, signal }) },
      close: async () => {},
    }
  }
  return {
    kind: 'https',
    open: async ({ file, label }, { signal }) => {
      if (file === undefined) throw sourceError('E_SOURCE_INVALID', `${label} has no file`)
      const openFile: OpenDatastoreFile = (each) => open(each, signal)
      const descriptor = await openFile(parseDatastorePath(file))
      if (descriptor === undefined)
        throw sourceError('E_SOURCE_INVALID', `${file} cannot be read over HTTPS: it is not there`)
      return await openImage(descriptor, { codecs: [vmdkCodec], open: datastoreOpener(openFile) })
    },
    [Symbol.asyncDispose]: async () => {},
  }
}

/** Reads a span; where the connection fails within it, it is taken up where it stopped. */
async function readSpan(
  files: DatastoreFiles,
  file: DatastorePath,
  { offset, into }: { readonly offset: number; readonly into: Uint8Array },
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<void> {
  let done = 0
  for (let attempt = 1; done < into.length; ) {
    const before = done
    try {
      for await (const piece of files.read(file, { offset: offset + done, length: into.length - done }, { signal })) {
        into.set(piece, done)
        done += piece.length
      }
    } catch (error) {
      if (!isVimError(error) || !error.isTransient) throw error
      // Whoever comes forward is not at an end.
      attempt = done > before ? 1 : attempt + 1
      if (attempt > attempts) throw error
      await clock.sleep(firstPauseMs * 2 ** attempt, { signal })
    }
  }
}
