import { randomBytes } from 'node:crypto'
import { mkdir, readdir, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { serveNbd } from '@holdfast/protocol-nbd'
import { sourceError } from '../errors.js'
import { isRunning, ownOwner } from '../monitor/owner.js'
import { createSpool, type Spool } from './spool.js'

/** A server that QEMU writes snapshots to, in a folder of its own; disposing it removes all of it. */
export interface SpoolServer extends AsyncDisposable {
  readonly folder: string
  /** Its socket. */
  readonly path: string
  /** Where the spools are, and need room. */
  readonly tempDir: string
  /** Makes a spool and shows it under a name. @throws BackupError `E_SOURCE_UNAVAILABLE` */
  readonly add: (name: string, sizeBytes: number) => Promise<Spool>
}

/** More than QEMU sends at once. */
const maxRequestBytes = 4 * 2 ** 20

/** The path of a folder that a server may make, and that tells the next run whose it was. */
export function newSpoolFolder(tempDir: string): string {
  return join(tempDir, `hf-${ownOwner()}-push-${randomBytes(4).toString('hex')}`)
}

/**
 * Makes the folder and starts the server, which only the user that runs this and root can reach.
 *
 * @throws BackupError `E_SOURCE_UNAVAILABLE`
 */
export async function openSpoolServer(machine: string, folder: string): Promise<SpoolServer> {
  const tempDir = dirname(folder)
  const spools = new Map<string, Spool>()
  const failure = (cause: unknown) =>
    sourceError('E_SOURCE_UNAVAILABLE', `What QEMU of machine '${machine}' sends cannot be taken in ${tempDir}.`, {
      operation: 'source.prepare',
      context: { machine },
      hint: 'Set TMPDIR to a folder with a short path and with room for all that is read of the disks.',
      cause,
    })
  try {
    await removeOrphans(tempDir)
    await mkdir(folder, { mode: 0o700 })
  } catch (error) {
    throw failure(error)
  }
  const path = join(folder, 'nbd.sock')
  const removeFolder = () => rm(folder, { recursive: true, force: true })
  try {
    const server = await serveNbd({
      listen: { path },
      exports: { find: (name) => spools.get(name)?.shown },
      maxRequestBytes,
      maxInFlightBytes: 2 * maxRequestBytes,
    })
    return {
      folder,
      path,
      tempDir,
      add: async (name, sizeBytes) => {
        try {
          const spool = await createSpool(join(folder, name), name, sizeBytes)
          spools.set(name, spool)
          return spool
        } catch (error) {
          throw failure(error)
        }
      },
      [Symbol.asyncDispose]: async () => {
        await server[Symbol.asyncDispose]()
        for (const spool of spools.values()) await spool[Symbol.asyncDispose]()
        await removeFolder()
      },
    }
  } catch (error) {
    await removeFolder()
    throw failure(error)
  }
}

/** Removes the folders of the dead whose janitor is dead too. */
async function removeOrphans(tempDir: string): Promise<void> {
  for (const name of await readdir(tempDir)) {
    const owner = /^hf-([0-9]{1,10}-[0-9a-z]{1,12})-push-/.exec(name)?.[1]
    if (owner === undefined || isRunning(owner)) continue
    // That of another user is for that user's next run.
    await rm(join(tempDir, name), { recursive: true, force: true }).catch(() => undefined)
  }
}
