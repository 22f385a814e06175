export { vhdxCodec } from './vhdx-codec.js'
export { createVhdx } from './vhdx-writer.js'
export type {
  VhdxCommonOptions,
  VhdxDifferencingOptions,
  VhdxParent,
  VhdxPlainOptions,
  VhdxWriterOptions,
} from './writer-options.js'
