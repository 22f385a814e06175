export type { ChapOptions } from './client/chap-talk.js'
export { type ConnectIscsiOptions, connectIscsi, type IscsiPortalOptions } from './client/connect-iscsi.js'
export { type DiscoveredTarget, discoverTargets } from './client/discover-targets.js'
export type { IscsiAnswer, IscsiCallOptions, IscsiDevice, IscsiSession } from './client/iscsi-session.js'
export { type IscsiAddress, iscsiPort } from './client/portal-address.js'
export {
  IscsiError,
  type IscsiErrorCode,
  type IscsiErrorOptions,
  iscsiErrorCodes,
  isIscsiError,
} from './iscsi-error.js'
export type { ChapAlgorithm, ChapIdentity } from './wire/chap.js'
export type { DigestWish, IscsiParameters } from './wire/parameters.js'
export type { Residual } from './wire/target-pdus.js'
