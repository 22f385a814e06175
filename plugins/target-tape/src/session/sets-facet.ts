import type { MediaSet, MediaSetsFacet, TargetSession } from '@holdfast/core'
import type { KnownSet } from '../catalog/known.js'
import { tapeError } from '../drive/drive-errors.js'
import { chooseSet } from '../writing/choose-set.js'
import { onlineBarcodes } from './media-facet.js'
import { setSession } from './set-session.js'
import type { TapeSite } from './tape-site.js'

/** The sets of a pool. `onOpened` gets every session, so that it can be closed with the one it came from. */
export function setsFacet(site: TapeSite, onOpened: (session: TargetSession) => void): MediaSetsFacet {
  const { catalog, clock, randomId, settings } = site
  const opened = (set: KnownSet, isWritable: boolean): TargetSession => {
    const session = setSession(site, set, isWritable)
    onOpened(session)
    return session
  }
  return {
    list: async (options) => {
      const sets = catalog.sets().filter(({ id, pool }) => pool === settings.pool && !catalog.isEmpty(id))
      if (sets.length === 0) return []
      const online = await onlineBarcodes(site, options)
      return sets.map(
        ({ id, createdAt, keepUntil }): MediaSet => ({
          id,
          createdAt,
          keepUntil,
          media: catalog.cartridgesOf(id).map((cartridge) => {
            const name = catalog.barcodeOf(cartridge) ?? ''
            return { name, isOnline: online.has(name), location: catalog.medium(name)?.location }
          }),
        }),
      )
    },
    open: async (id, { signal }) => {
      signal.throwIfAborted()
      const set = catalog.set(id)
      if (set !== undefined && set.pool === settings.pool) return opened(set, false)
      throw tapeError('E_OBJECT_NOT_FOUND', `Pool ${settings.pool} has no set ${id}.`, {
        hint: "'holdfast tape catalog' lists the sets that are known, with --rebuild it looks at all cartridges.",
      })
    },
    write: async ({ signal, keepUntil }) => {
      signal.throwIfAborted()
      const now = clock.now()
      const { pool, allocation, keepMs } = settings
      const usual = keepMs === undefined ? undefined : new Date(now.getTime() + keepMs)
      return opened(chooseSet(catalog, { pool, allocation, now, keepUntil: keepUntil ?? usual, randomId }), true)
    },
  }
}
