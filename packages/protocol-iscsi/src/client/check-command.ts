import { IscsiError } from '../iscsi-error.js'
import type { ScsiCommand } from '../scsi/scsi-device.js'

/** Refuses what has no form on the wire. @throws IscsiError `usage` */
export function checkCommand({ cdb, dataIn, dataOut }: ScsiCommand): void {
  if (cdb.length < 6 || cdb.length > 16) throw new IscsiError('usage', 'A command descriptor block has 6 to 16 bytes.')
  const isBoth = (dataIn?.length ?? 0) > 0 && (dataOut?.length ?? 0) > 0
  if (isBoth) throw new IscsiError('usage', 'A command cannot have data in both directions.')
  if (Math.max(dataIn?.length ?? 0, dataOut?.length ?? 0) > 0xffff_ffff)
    throw new IscsiError('usage', 'A command has more data than its length field can say.')
}
