export { memberHead, type TarMember, tarPadding } from './member-head.js'
export { paxRecords } from './pax-records.js'
export {
  isZeroBlock,
  parseTarHeader,
  type TarAttributes,
  type TarHeader,
  tarBlockBytes,
  tarHeader,
  textOf,
} from './tar-header.js'
