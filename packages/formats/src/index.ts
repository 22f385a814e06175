export type { ByteRange, ByteSink, ByteSource, ByteStore, FileOpener, NamedSource } from './bytes/byte-source.js'
export type { ImageCodec } from './image/codec.js'
export { type CopyImageOptions, type CopyImageReport, copyImage } from './image/copy-image.js'
export type { DiskImage, ImageExtent, LayerInfo } from './image/disk-image.js'
export {
  ImageError,
  type ImageErrorCode,
  type ImageErrorOptions,
  imageErrorCodes,
  isImageError,
} from './image/image-error.js'
export { type ImageFormat, imageFormats } from './image/image-format.js'
export type { ImageWriter } from './image/image-writer.js'
export type {
  AbsentRun,
  ImageBitmap,
  ImageLayer,
  ImageProblem,
  PackedRun,
  PackedUnit,
  ParentReference,
  Run,
  StoredRun,
  ZeroRun,
} from './image/layer.js'
export { chainLimit } from './image/open-chain.js'
export { type OpenImageOptions, openImage } from './image/open-image.js'
export { recogniseFormat } from './image/recognise-format.js'
