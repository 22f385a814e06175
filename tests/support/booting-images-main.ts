import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { defineSource, type RestoreFacet, type SourcePlugin } from '@holdfast/core'
import { addressFromUri, connectNbd } from '@holdfast/protocol-nbd'
import { imageSource } from '@holdfast/source-image'
import { type DiskImage, imageOf } from '@holdfast/testkit/images'
import { memorySource } from '@holdfast/testkit/memory'

/** Where the images are, and whether machines are put over exports. */
export interface BootingImagesOptions {
  readonly path: string
  /** @defaultValue `true` */
  readonly overlays?: boolean
}

/** A source that backs up folders of images and boots what it puts back in memory; for configurations of tests. */
export function bootingImages({ overlays = true, ...options }: BootingImagesOptions): SourcePlugin {
  const folders = imageSource(options)
  return defineSource({
    id: 'booting-images',
    capabilities: { ...folders.capabilities, restore: true, boot: true, overlays },
    open: async (context) => {
      const images = new Map<string, DiskImage>()
      const exported = (uri: string) => images.get(uri) ?? imageOf(new Uint8Array())
      const place = memorySource({ boot: true, machines: [], ...(overlays && { exported }) })
      const [session, memory] = [await folders.open(context), await place.open(context)]
      const { restore } = memory
      return {
        discover: session.discover,
        prepare: session.prepare,
        ...(restore && { restore: readingExports(restore, images) }),
        [Symbol.asyncDispose]: async () => {
          await session[Symbol.asyncDispose]()
          await memory[Symbol.asyncDispose]()
          writeFileSync(join(context.baseDir, 'left-behind.json'), JSON.stringify(place.inventory()))
        },
      }
    },
  })
}

/** Reads exports into memory before a machine is put over them. */
function readingExports({ provision }: RestoreFacet, images: Map<string, DiskImage>): RestoreFacet {
  return {
    provision: async (machine, placement, options) => {
      for (const uri of placement.contents?.values() ?? []) images.set(uri, await readExport(uri, options.signal))
      return provision(machine, placement, options)
    },
  }
}

const requestBytes = 65_536

/** Reads an export as a guest does: what cannot be read is missing, and why is not known. */
async function readExport(uri: string, signal: AbortSignal): Promise<DiskImage> {
  const { address, exportName } = addressFromUri(uri)
  await using client = await connectNbd(address, { exportName, signal })
  if (!client.readOnly) throw new Error('the export can be written to')
  const bytes = new Uint8Array(client.sizeBytes)
  for (let at = 0; at < bytes.length; at += requestBytes) {
    const part = bytes.subarray(at, at + requestBytes)
    await client.read(at, part, { signal }).catch(() => part.fill(0))
  }
  return imageOf(bytes)
}
