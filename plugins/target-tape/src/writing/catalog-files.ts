import type { KnownSet } from '../catalog/known.js'
import type { LookupCache } from '../catalog/lookup-cache.js'
import type { TapeCatalog } from '../catalog/tape-catalog.js'
import { encodeCatalog } from '../layout/catalog.js'
import { catalogName } from '../layout/place.js'
import type { ArchiveWriter, WrittenBlocks, WrittenObject } from './archive-writer.js'

/** Writes the catalog of all cartridges before this one. Spec: "Tape files of a cartridge". */
export async function writeEarlierCatalog(
  archive: ArchiveWriter,
  set: KnownSet,
  catalog: TapeCatalog,
  now: Date,
): Promise<WrittenBlocks> {
  return await archive.note(catalogName(archive.place), await catalogOf(set, catalog, archive.place.sequence - 1), now)
}

/** How the tape file that ends a session was ended. */
export interface ClosingFile {
  readonly ended: WrittenBlocks
  /** The catalog is in it, whole. */
  readonly hasCatalog: boolean
}

/**
 * Writes the tape file that ends a session: the catalog, and after it copies of the lookup objects, as many as there is room for. Spec:
 * "Catalog".
 */
export async function writeClosing(
  archive: ArchiveWriter,
  set: KnownSet,
  { catalog, cache }: { readonly catalog: TapeCatalog; readonly cache: LookupCache },
  now: Date,
): Promise<ClosingFile> {
  const content = await catalogOf(set, catalog, archive.place.sequence)
  let written: WrittenBlocks | WrittenObject = await archive.note(catalogName(archive.place), content, now)
  const catalogEnd = archive.sizeBytes()
  for (const object of catalog.objects(set.id, '')) {
    // Another cartridge is never taken for copies: they only spare a reader the way to others.
    if (written.kind === 'no-room' || written.isNearEnd) break
    if (!object.isLookup) continue
    const copy = await cache.read(object.sha256, 0, object.sizeBytes)
    // What the cache has lost is on the tape all the same.
    if (copy === undefined) continue
    written = await archive.write({ facts: object, content: copy, release: () => {} })
  }
  const ended = written.kind === 'no-room' ? written : await archive.end()
  return { ended, hasCatalog: ended.kind === 'written' || ended.endBytes >= catalogEnd }
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
