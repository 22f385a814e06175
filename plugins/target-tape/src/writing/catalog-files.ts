import type { KnownSet } from '../catalog/known.js'
import type { LookupCache } from '../catalog/lookup-cache.js'
import type { TapeCatalog } from '../catalog/tape-catalog.js'
import { encodeCatalog } from '../layout/catalog.js'
import { catalogName } from '../layout/place.js'
import type { ArchiveWriter, CutShort, WrittenBlocks } from './archive-writer.js'

/** Writes the catalog of all cartridges before this one. Spec: "Tape files of a cartridge". */
export async function writeEarlierCatalog(
  archive: ArchiveWriter,
  set: KnownSet,
  catalog: TapeCatalog,
  now: Date,
): Promise<WrittenBlocks> {
  return await archive.note(catalogName(archive.place), await catalogOf(set, catalog, archive.place.sequence - 1), now)
}

/**
 * Writes the catalog that ends a session, and a copy of every lookup object after it. Spec: "Catalog".
 *
 * @returns what became of the tape file, when the cartridge has no room for all of it
 */
export async function writeClosing(
  archive: ArchiveWriter,
  set: KnownSet,
  { catalog, cache }: { readonly catalog: TapeCatalog; readonly cache: LookupCache },
  now: Date,
): Promise<CutShort | undefined> {
  const noted = await archive.note(
    catalogName(archive.place),
    await catalogOf(set, catalog, archive.place.sequence),
    now,
  )
  if (noted.kind === 'no-room') return noted
  for (const object of catalog.objects(set.id, '')) {
    if (!object.isLookup) continue
    const content = await cache.read(object.sha256, 0, object.sizeBytes)
    // What the cache has lost is on the tape all the same.
    if (content === undefined) continue
    const written = await archive.write({ facts: object, content, release: () => {} })
    if (written.kind === 'no-room') return written
  }
  return undefined
}

async function catalogOf(set: KnownSet, catalog: TapeCatalog, lastSequence: number): Promise<Uint8Array> {
  const cartridges = catalog.cartridgesOf(set.id).filter(({ label }) => (label.set?.sequence ?? 0) <= lastSequence)
  return await encodeCatalog({
    set: set.id,
    pool: set.pool,
    createdAt: set.createdAt,
    keepUntil: set.keepUntil,
    cartridges: cartridges.map(({ label }) => ({ label, objects: catalog.objectsOn(label.cartridge) })),
  })
}
