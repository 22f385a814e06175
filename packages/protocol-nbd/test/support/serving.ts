import { join } from 'node:path'
import { tempFolder } from 'holdfast-lab'
import { type NbdError, type NbdServer, type ServeNbdOptions, serveNbd } from '../../src/index.js'

/** A server on a unix socket of its own, and what it complained about. */
export interface Serving extends AsyncDisposable {
  readonly server: NbdServer
  readonly socket: string
  readonly address: { readonly path: string }
  readonly uri: (exportName?: string) => string
  readonly complaints: readonly NbdError[]
}

/** Starts our server in a temporary folder. */
export async function serving(options: Omit<ServeNbdOptions, 'listen' | 'onError'>): Promise<Serving> {
  const folder = tempFolder()
  const socket = join(folder.path, 's')
  const complaints: NbdError[] = []
  const server = await serveNbd({ ...options, listen: { path: socket }, onError: (error) => complaints.push(error) })
  return {
    server,
    socket,
    address: { path: socket },
    uri: (exportName = '') => `nbd+unix:///${exportName}?socket=${socket}`,
    complaints,
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]()
      folder[Symbol.dispose]()
    },
  }
}

/** Waits until something holds, for at most 5 s. */
export async function until(holds: () => boolean): Promise<void> {
  for (const end = performance.now() + 5000; !holds(); ) {
    if (performance.now() > end) throw new Error('It did not come to hold within 5 s.')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
