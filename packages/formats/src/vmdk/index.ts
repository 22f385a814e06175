export { createVmdk } from './create-vmdk.js'
export { vmdkCodec } from './vmdk-codec.js'
export {
  type VmdkAdapterType,
  type VmdkGeometry,
  type VmdkKind,
  type VmdkParent,
  type VmdkWriterOptions,
  vmdkKinds,
} from './vmdk-writer-options.js'
