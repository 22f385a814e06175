import type { CallOptions } from '../contract/context.js'
import { isDamage } from '../repository/damage.js'
import { packKey } from '../repository/layout.js'
import { framesOf, type ListedFrame, listedFrames, readPackContents } from '../repository/pack-reader.js'
import type { Repository } from '../repository/repository.js'
import { frameFetcher } from './fetch-frame.js'
import type { Lane } from './lane.js'
import { rewriteChunks } from './rewrite-chunks.js'
import type { Examination } from './verify-repository.js'
import type { WorkerPool } from './worker-pool.js'

/** Stores anew every chunk of broken packs that can still be read, by their own footers or else by the index. */
export async function saveBrokenPacks(
  repository: Repository,
  found: Examination,
  lane: Lane,
  reading: WorkerPool,
  writing: WorkerPool,
  options: CallOptions,
): Promise<void> {
  const { store, envelope } = repository
  const fetcher = frameFetcher(repository, reading)
  const fromIndex = listedFrames(found.index, found.brokenPacks)
  for (const pack of found.index.packs()) {
    if (!found.brokenPacks.has(pack.id)) continue
    const framesByFooter = async (): Promise<readonly ListedFrame[] | undefined> => {
      const sizeBytes = (await store.stat(packKey(pack.id), options))?.sizeBytes
      if (sizeBytes === undefined) return []
      try {
        return framesOf(await readPackContents(store, envelope, pack.id, sizeBytes, options))
      } catch (error) {
        if (!isDamage(error)) throw error
        return undefined
      }
    }
    const frames = (await framesByFooter()) ?? fromIndex.get(pack.id) ?? []
    const isReadable = (frame: ListedFrame) => !found.lostFrames.has(`${pack.id}/${frame.frameOffset}`)
    await rewriteChunks(
      pack,
      frames.filter(isReadable),
      (id) => !lane.index.has(id),
      fetcher,
      lane,
      writing,
      (_, error) => {
        // It could be read a moment ago: until it can be again, nothing may be taken away.
        throw error
      },
      options,
    )
  }
}
