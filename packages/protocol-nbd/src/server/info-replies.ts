import { infoType } from '../wire/constants.js'
import { encodeInfo, type InfoRequest } from '../wire/option-payloads.js'
import { blockSizesOf, flagsOf } from './export-facts.js'
import type { NbdExport } from './nbd-export.js'

/** Makes the payloads that tell about an export; size, flags and block sizes unasked. Spec: "NBD_OPT_GO". */
export function infoReplies(
  disk: NbdExport,
  { wishes }: InfoRequest,
  hasStructuredReplies: boolean,
  maxRequestBytes: number,
): readonly Uint8Array[] {
  const flags = flagsOf(disk, hasStructuredReplies)
  const replies = [
    encodeInfo({ kind: 'export', sizeBytes: disk.sizeBytes, flags }),
    encodeInfo({ kind: 'block-size', ...blockSizesOf(disk, maxRequestBytes) }),
  ]
  if (wishes.includes(infoType.name)) replies.push(encodeInfo({ kind: 'name', text: disk.name }))
  if (wishes.includes(infoType.description) && disk.description !== undefined)
    replies.push(encodeInfo({ kind: 'description', text: disk.description }))
  return replies
}
