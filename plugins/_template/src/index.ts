export type { AcmeClient, AcmeConnect, AcmeObject, AcmeUpload } from './acme-client.js'
export { acmeTarget, plugin } from './acme-target.js'
export type { AcmeTargetOptions } from './options.js'
