export { rawCodec } from './raw-codec.js'
export { createRaw, type RawWriterOptions } from './raw-writer.js'
