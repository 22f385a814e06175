export {
  createVhd,
  type VhdDifferencingOptions,
  type VhdDynamicOptions,
  type VhdFixedOptions,
  type VhdWriterOptions,
} from './create-vhd.js'
export type { VhdParent } from './new-parent.js'
export { vhdCodec } from './vhd-codec.js'
