import type { CallOptions } from '@holdfast/core'
import type { TapeDrive } from '../drive/tape-drive.js'
import { type ScanEnd, type ScanHandlers, scanCartridge } from '../reading/scan-cartridge.js'
import type { KnownCartridge } from './known.js'
import type { LookupCache } from './lookup-cache.js'
import type { TapeCatalog } from './tape-catalog.js'

/** Where what is found is noted. */
export interface CatchUpSite {
  readonly catalog: TapeCatalog
  readonly cache: LookupCache
  readonly drive: TapeDrive
}

/** Notes what lies on a cartridge behind what is known of it: of a run that was killed, of another host, of a catalog that was lost. */
export async function catchUp(
  { catalog, cache, drive }: CatchUpSite,
  { label, files }: KnownCartridge,
  options: CallOptions,
  onCatalog?: ScanHandlers['onCatalog'],
): Promise<ScanEnd> {
  const scan = scanCartridge(
    drive,
    label,
    files,
    {
      wants: async ({ sha256, sizeBytes }) => !(await cache.has(sha256, sizeBytes)),
      keep: ({ sha256 }, content) => cache.put(sha256, content),
      ...(onCatalog !== undefined && { onCatalog }),
    },
    options,
  )
  for (;;) {
    const { done, value } = await scan.next()
    if (done === true) return value
    catalog.addFile(label.cartridge, value)
  }
}
