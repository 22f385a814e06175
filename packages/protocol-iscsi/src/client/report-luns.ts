import { broken, IscsiError } from '../iscsi-error.js'
import { scsiStatus } from '../wire/constants.js'
import { viewOf } from '../wire/header.js'
import { decodeLun } from '../wire/lun.js'
import type { IscsiCallOptions, IscsiDevice } from './iscsi-session.js'

const headBytes = 8
const maxUnits = 1024
/** A unit attention is told once each; there are not many of them. */
const maxAttentions = 5

/** Asks for the logical units. SPC-4, 6.33. @throws IscsiError `rejected` when the target does not tell */
export async function listLuns(device: IscsiDevice, options: IscsiCallOptions = {}): Promise<readonly number[]> {
  const dataIn = new Uint8Array(headBytes + maxUnits * 8)
  const cdb = new Uint8Array(12)
  cdb[0] = 0xa0
  viewOf(cdb).setUint32(6, dataIn.length)
  let status: number = scsiStatus.checkCondition
  let dataInBytes = 0
  for (let tries = 0; status === scsiStatus.checkCondition && tries <= maxAttentions; tries++)
    ({ status, dataInBytes } = await device.execute({ cdb, dataIn }, options))
  if (status !== scsiStatus.good)
    throw new IscsiError('rejected', `The target does not list its units (status ${status}).`)
  if (dataInBytes < headBytes) throw broken('The list of units has no head.')
  const listBytes = viewOf(dataIn).getUint32(0)
  if (listBytes > dataInBytes - headBytes) throw broken('The list of units is longer than what came of it.')
  const luns = Array.from({ length: listBytes >> 3 }, (_, index) => {
    const at = headBytes + index * 8
    return decodeLun(dataIn.subarray(at, at + 8))
  })
  return luns.filter((lun) => lun !== undefined)
}
