export type { CallOptions } from './client/call-options.js'
export { type ChangedArea, type ChangedAreasQuery, changedAreas } from './client/changed-areas.js'
export { type ConnectVimOptions, connectVim, type VimLogin } from './client/connect-vim.js'
export { type DatastoreFiles, datastoreFiles, type FileRange } from './client/datastore-files.js'
export { type DatastorePath, formatDatastorePath, parseDatastorePath } from './client/datastore-path.js'
export { type GuestLogin, type GuestProgramSpec, runInGuest } from './client/guest-programs.js'
export type { HttpAnswer, HttpRequest, ServerAddress } from './client/http-channel.js'
export { type LeaseFile, type NfcLease, openLease } from './client/nfc-lease.js'
export {
  type InventoryQuery,
  listObjects,
  type ManagedObject,
  readObject,
  watchObject,
} from './client/properties.js'
export type { VimTls } from './client/server-tls.js'
export type { ServiceContent, VimAbout } from './client/service-content.js'
export { runTask, type TaskOptions, waitForTask } from './client/tasks.js'
export type { VimCallOptions, VimSession } from './client/vim-session.js'
export { isFault, isVimError, VimError, type VimErrorCode, type VimErrorOptions, vimErrorCodes } from './vim-error.js'
export { dateAt, flagAt, integerAt, memberAt, membersOf, present, refAt, refOf, textAt } from './wire/members.js'
export { type MoRef, moRef, type VimObject, type VimValue } from './wire/vim-value.js'
export type { XmlElement } from './wire/xml-element.js'
