import type { NamedSource } from '../bytes/byte-source.js'
import type { ImageCodec } from './codec.js'
import type { ImageFormat } from './image-format.js'

/** Tells the format of a file by its bytes: that of the first codec that recognises it. */
export async function recogniseFormat(
  file: NamedSource,
  codecs: readonly ImageCodec[],
): Promise<ImageFormat | undefined> {
  for (const codec of codecs) if (await codec.recognise(file)) return codec.format
  return undefined
}
