import type { ImageCodec } from './image/codec.js'
import { qcow2Codec } from './qcow2/index.js'
import { rawCodec } from './raw/index.js'
import { vhdCodec } from './vhd/index.js'
import { vhdxCodec } from './vhdx/index.js'
import { vmdkCodec } from './vmdk/index.js'

/** Every format, those with signatures at the start first and raw, which any file is, last. */
export const imageCodecs: readonly ImageCodec[] = [qcow2Codec, vhdxCodec, vmdkCodec, vhdCodec, rawCodec]
