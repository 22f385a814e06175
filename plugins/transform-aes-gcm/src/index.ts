export { aesGcmTransform, plugin } from './aes-gcm-transform.js'
export type { AesGcmTransformOptions } from './options.js'
