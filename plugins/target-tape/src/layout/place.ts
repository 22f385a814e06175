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
