import { byteAt, numberAt } from '../../scsi/bytes.js'
import { check, conditions, good, type Outcome } from './outcome.js'

/** A page, with its number below another one if it has one. */
export interface SimulatedPage {
  readonly code: number
  readonly subpage?: number
  readonly content: Uint8Array
}

/** Makes the answer to MODE SENSE(6) and (10). SPC-4, 7.5.5. */
export function modeAnswer(
  cdb: Uint8Array,
  pages: readonly SimulatedPage[],
  head: { readonly deviceParameter: number; readonly descriptor: Uint8Array },
): Outcome {
  const isLong = byteAt(cdb, 0) === 0x5a
  const wanted = byteAt(cdb, 2) & 0x3f
  const subpage = byteAt(cdb, 3)
  if (subpage !== 0 && subpage !== 0xff) return check(conditions.invalidField)
  const isAsked = (page: SimulatedPage) => (subpage === 0xff ? true : page.subpage === undefined || wanted === 0x3f)
  const chosen = pages.filter((page) => (wanted === 0x3f || page.code === wanted) && isAsked(page))
  if (chosen.length === 0 && wanted !== 0) return check(conditions.invalidField)
  const { deviceParameter, descriptor } = head
  const body = [...descriptor, ...chosen.flatMap((page) => [...headOf(page), ...page.content])]
  const length = body.length + (isLong ? 6 : 3)
  const header = isLong
    ? [length >> 8, length & 0xff, 0, deviceParameter, 0, 0, 0, descriptor.length]
    : [length, 0, deviceParameter, descriptor.length]
  const allocation = isLong ? numberAt(cdb, 7, 2) : byteAt(cdb, 4)
  return good(Uint8Array.from([...header, ...body]).subarray(0, allocation))
}

function headOf({ code, subpage, content }: SimulatedPage): readonly number[] {
  return subpage === undefined ? [code, content.length] : [0x40 | code, subpage, 0, content.length]
}

/** Pages without subpages, by their codes. */
export function pagesOf(contents: readonly (readonly [code: number, content: Uint8Array])[]): readonly SimulatedPage[] {
  return contents.map(([code, content]) => ({ code, content }))
}

const controlContent = Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0, 2, 0)

/** The control page. SPC-4, 7.5.7. */
export const controlPage: SimulatedPage = { code: 0x0a, content: controlContent }

/** What tgtd has between its other pages: an empty page 0, and the extension of the control page. */
export const tgtdZeroPage: SimulatedPage = { code: 0x00, content: new Uint8Array() }
export const tgtdControlExtension: SimulatedPage = {
  code: 0x0a,
  subpage: 0x01,
  content: Uint8Array.of(4, ...new Uint8Array(27)),
}
