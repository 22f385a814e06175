import { join, resolve } from 'node:path'
import { openImageFile } from '@holdfast/machine-files'
import { parseDatastorePath } from '@holdfast/protocol-vim'
import { sourceError } from '../errors.js'
import type { Transport } from './transport.js'

/** Reads files of datastores that this host can read itself, by the folder of each datastore. */
export function sanTransport(datastores: Readonly<Record<string, string>>, baseDir: string): Transport {
  return {
    kind: 'san',
    open: async ({ file, label }, { signal }) => {
      signal.throwIfAborted()
      if (file === undefined) throw sourceError('E_SOURCE_INVALID', `${label} has no file`)
      const { datastore, path } = parseDatastorePath(file)
      const folder = datastores[datastore]
      if (folder === undefined) throw sourceError('E_SOURCE_INVALID', `no folder is given for datastore ${datastore}`)
      const root = resolve(baseDir, folder)
      return await openImageFile(join(root, path), { root, format: 'vmdk' })
    },
    [Symbol.asyncDispose]: async () => {},
  }
}
