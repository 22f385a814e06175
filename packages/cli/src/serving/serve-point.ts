import type { CallOptions, DiskId } from '@holdfast/core'
import {
  type OpenPointDisksOptions,
  openPointDisks,
  type PointDisks,
  type ReadableDisk,
  type WorkerPool,
} from '@holdfast/core/engine'
import type { RecoveryPoint, Repository } from '@holdfast/core/repository'
import type { NbdAddress } from '@holdfast/protocol-nbd'
import { printable } from '../render/printable.js'
import type { Listening } from './listening.js'
import { type OverlayFolder, type ServedDisks, servedDisks } from './served-disks.js'
import { type ServerHooks, startServer } from './start-server.js'

/** Which point is served, and who reads it for that. */
export interface ServablePoint {
  readonly repository: Repository
  readonly point: RecoveryPoint
  readonly pool: WorkerPool
}

/** How to serve a point. */
export interface ServePointOptions extends CallOptions, Pick<OpenPointDisksOptions, 'disks' | 'cacheBytes'> {
  readonly place: Listening
  readonly hooks: ServerHooks
  /** Where overlays take what clients write. @defaultValue nothing can be written */
  readonly overlays?: OverlayFolder | undefined
  /** Comes between the disks of the point and all that reads them. @defaultValue nothing does */
  readonly watched?: (disk: ReadableDisk) => ReadableDisk
}

/** A point whose disks are served. Disposal ends that and closes its disks. */
export interface ServedPoint extends Pick<ServedDisks, 'exports' | 'facts'>, AsyncDisposable {
  readonly address: NbdAddress
  readonly fetched: PointDisks['facts']
  /** Hangs up on all clients; what they did is told by `facts` and `fetched` then. */
  readonly stop: () => Promise<void>
}

/** Serves the disks of a point over NBD, straight from the repository. */
export async function servePoint(
  { repository, point, pool }: ServablePoint,
  { place, hooks, overlays, watched = (disk) => disk, ...opening }: ServePointOptions,
): Promise<ServedPoint> {
  const describe = (disk: DiskId) => printable(`${point.machine.name} ${disk}, ${point.id}`)
  const opened = await openPointDisks(repository, point, pool, opening)
  try {
    const served = await servedDisks(opened.disks.map(watched), describe, overlays, opening.signal)
    try {
      const server = await startServer(place, served.exports, hooks)
      const stop = async () => server[Symbol.asyncDispose]()
      return {
        address: server.address,
        exports: served.exports,
        facts: served.facts,
        fetched: opened.facts,
        stop,
        [Symbol.asyncDispose]: async () => {
          await using _opened = opened
          await using _served = served
          await stop()
        },
      }
    } catch (error) {
      await served[Symbol.asyncDispose]()
      throw error
    }
  } catch (error) {
    await opened[Symbol.asyncDispose]()
    throw error
  }
}
