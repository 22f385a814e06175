import { command, commandFlag } from '../wire/constants.js'
import type { ErrnoName } from '../wire/errno.js'
import type { BlockSizes } from '../wire/option-payloads.js'
import type { RequestHeader } from '../wire/requests.js'
import { isReadOnly } from './export-facts.js'
import type { Agreement } from './negotiate.js'

/** Flags that each command may have; FUA means nothing to some, and is allowed all the same. Spec: "Command flags". */
const allowedFlags = new Map<number, number>([
  [command.read, commandFlag.fua | commandFlag.dontFragment],
  [command.write, commandFlag.fua],
  [command.flush, commandFlag.fua],
  [command.trim, commandFlag.fua],
  [command.writeZeroes, commandFlag.fua | commandFlag.noHole | commandFlag.fastZero],
  [command.blockStatus, commandFlag.fua | commandFlag.requestOne],
])

const changing: readonly number[] = [command.write, command.trim, command.writeZeroes]

/** Tells why a request is refused. Spec: "Error values" and the request types. */
export function refusalOf(request: RequestHeader, agreement: Agreement, sizes: BlockSizes): ErrnoName | undefined {
  const { disk, hasStructuredReplies, contexts } = agreement
  const { offset, lengthBytes, flags } = request
  const allowed = allowedFlags.get(request.command)
  if (allowed === undefined || (flags & ~allowed) !== 0) return 'EINVAL'
  if ((flags & commandFlag.dontFragment) !== 0 && !hasStructuredReplies) return 'EINVAL'
  const isChanging = changing.includes(request.command)
  if (isChanging && isReadOnly(disk)) return 'EPERM'
  if ((flags & commandFlag.fua) !== 0 && isChanging && disk.flush === undefined) return 'EINVAL'
  if ((flags & commandFlag.fastZero) !== 0 && disk.canFastZero !== true) return 'EINVAL'
  if (request.command === command.flush) return disk.flush === undefined || lengthBytes !== 0 ? 'EINVAL' : undefined
  if (offset + lengthBytes > disk.sizeBytes)
    return request.command === command.write || request.command === command.writeZeroes ? 'ENOSPC' : 'EINVAL'
  if (offset % sizes.minimum !== 0 || lengthBytes % sizes.minimum !== 0) return 'EINVAL'
  switch (request.command) {
    case command.read:
      return lengthBytes > sizes.maximum ? 'EINVAL' : undefined
    case command.write:
      return disk.write === undefined || lengthBytes > sizes.maximum ? 'EINVAL' : undefined
    case command.trim:
      return disk.trim === undefined ? 'EINVAL' : undefined
    case command.writeZeroes:
      return disk.writeZeroes === undefined ? 'EINVAL' : undefined
    default:
      return contexts.length === 0 || lengthBytes === 0 ? 'EINVAL' : undefined
  }
}
