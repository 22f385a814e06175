export { addressFromUri, type NbdAddress, type NbdTarget, nbdPort, uriOfTarget } from './address.js'
export type { NbdClientTls } from './client/client-tls.js'
export {
  type ConnectNbdOptions,
  connectNbd,
  type ListContextsOptions,
  listNbdContexts,
  listNbdExports,
} from './client/connect-nbd.js'
export type {
  NbdBlockExtent,
  NbdCallOptions,
  NbdClient,
  NbdFlags,
  NbdWriteOptions,
  NbdZeroOptions,
} from './client/nbd-client.js'
export type { ReachOptions } from './client/open-connection.js'
export { isNbdError, NbdError, type NbdErrorCode, type NbdErrorOptions, nbdErrorCodes } from './nbd-error.js'
export type {
  ExtentsOf,
  NbdExport,
  NbdExportCall,
  NbdExports,
  NbdPeer,
  NbdZeroCall,
} from './server/nbd-export.js'
export { type NbdConnectionInfo, type NbdServer, type ServeNbdOptions, serveNbd } from './server/serve-nbd.js'
export type { NbdServerTls } from './server/server-tls.js'
export type { RequestLimits } from './server/transmission.js'
export { allocationState, baseAllocation } from './wire/constants.js'
export type { ErrnoName } from './wire/errno.js'
export type { BlockSizes, ListedExport } from './wire/option-payloads.js'
export type { StatusExtent } from './wire/replies.js'
