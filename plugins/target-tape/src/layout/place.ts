import { sealLines, unsealLines } from './sealed-lines.js'

/** Which tape file this is. Spec: "Objects". */
export interface TapePlace {
  readonly set: string
  /** Of the cartridge. */
  readonly sequence: number
  readonly file: number
}

/** Writes it. */
export function encodePlace({ set, sequence, file }: TapePlace): string {
  return sealLines({ set, sequence: `${sequence}`, file: `${file}` })
}

/** Reads it; `undefined` when it is damaged. */
export function decodePlace(text: string): TapePlace | undefined {
  const values = unsealLines(text)
  const [set = '', sequence = '', file = ''] = ['set', 'sequence', 'file'].map((name) => values?.get(name))
  const isRight = /^[0-9a-f]{32}$/.test(set) && /^[1-9][0-9]{0,5}$/.test(sequence) && /^[1-9][0-9]{0,8}$/.test(file)
  return isRight ? { set, sequence: Number(sequence), file: Number(file) } : undefined
}

const ownFolder = 'holdfast-tape/'

/** Name of the member that says which tape file this is. */
export function placeName({ set, sequence, file }: TapePlace): string {
  return `${ownFolder}${set}/${sequence}-${file}.txt`
}

/** Name of a catalog in that tape file. */
export function catalogName({ set, sequence, file }: TapePlace): string {
  return `${ownFolder}${set}/catalog-${sequence}-${file}.jsonl.gz`
}

/** Tells what a member is that is no object; `undefined` for what is none of ours. */
export function ownMember(name: string): 'place' | 'catalog' | undefined {
  if (!name.startsWith(ownFolder)) return undefined
  if (/\/catalog-[0-9]+-[0-9]+\.jsonl\.gz$/.test(name)) return 'catalog'
  return /\/[0-9]+-[0-9]+\.txt$/.test(name) ? 'place' : undefined
}
