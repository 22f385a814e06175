import { sealLines, unsealLines } from './sealed-lines.js'

/** Says which cartridge this is. Spec: "Label". */
export interface CartridgeLabel {
  /** 16 bytes in hex, new each time a label is written. */
  readonly cartridge: string
  readonly barcode: string | undefined
  readonly pool: string
  /** Absent while the cartridge is labelled and holds nothing. */
  readonly set: LabelledSet | undefined
  readonly writtenAt: Date
}

/** Where a cartridge belongs. */
export interface LabelledSet {
  readonly id: string
  /** Place among the cartridges of the set, from 1. */
  readonly sequence: number
  /** The cartridge before it. */
  readonly previous: string | undefined
  /** Absent: for good. */
  readonly keepUntil: Date | undefined
}

/** Name of the label in the first tape file. */
export const labelName = 'LABEL.txt'

/** Size of the largest label. */
export const maxLabelBytes = 65_536

const format = 'holdfast-tape 1'
const idPattern = /^[0-9a-f]{32}$/

/** Writes a label, with words for whoever finds the cartridge. */
export function encodeLabel({ cartridge, barcode, pool, set, writtenAt }: CartridgeLabel): string {
  const sealed = sealLines({
    format,
    cartridge,
    barcode,
    pool,
    set: set?.id,
    sequence: set?.sequence.toString(),
    previous: set?.previous,
    written: writtenAt.toISOString(),
    'keep-until': set?.keepUntil?.toISOString(),
  })
  return `${sealed}\n${set === undefined ? emptyText : heldText}`
}

/** What a label, or what stands in its place, says. */
export type ReadLabel =
  | { readonly kind: 'label'; readonly label: CartridgeLabel }
  /** Of a version to come. */
  | { readonly kind: 'newer'; readonly format: string }
  | { readonly kind: 'damaged'; readonly problem: string }

/** Reads a label. */
export function decodeLabel(text: string): ReadLabel {
  const values = unsealLines(text)
  if (values === undefined) return { kind: 'damaged', problem: 'its digest does not fit' }
  const stated = values.get('format') ?? ''
  if (stated !== format && stated.startsWith('holdfast-tape ')) return { kind: 'newer', format: stated }
  if (stated !== format) return { kind: 'damaged', problem: 'it names no format' }
  const [cartridge = '', pool = ''] = [values.get('cartridge'), values.get('pool')]
  const writtenAt = dateOf(values.get('written'))
  const set = setOf(values)
  if (!idPattern.test(cartridge) || pool === '' || writtenAt === undefined || set === 'wrong')
    return { kind: 'damaged', problem: 'a line is missing or wrong' }
  return { kind: 'label', label: { cartridge, barcode: values.get('barcode'), pool, set, writtenAt } }
}

function setOf(values: ReadonlyMap<string, string>): LabelledSet | undefined | 'wrong' {
  const id = values.get('set')
  if (id === undefined) return undefined
  const [sequence = '', previous, until] = ['sequence', 'previous', 'keep-until'].map((name) => values.get(name))
  const keepUntil = dateOf(until)
  const isRight =
    idPattern.test(id) &&
    /^[1-9][0-9]{0,5}$/.test(sequence) &&
    (previous === undefined ? sequence === '1' : idPattern.test(previous)) &&
    (until === undefined || keepUntil !== undefined)
  return isRight ? { id, sequence: Number(sequence), previous, keepUntil } : 'wrong'
}

function dateOf(text: string | undefined): Date | undefined {
  const date = new Date(text ?? Number.NaN)
  return Number.isNaN(date.getTime()) ? undefined : date
}

const emptyText = 'A cartridge of Holdfast, a backup program. Nothing is stored on it yet.\n'

const heldText = `A cartridge of Holdfast, a backup program. To get back what is on it without Holdfast, read all tape files of all cartridges
of the set, in order of their sequence, with GNU tar into one folder. Every block has 262144 bytes:

  mt -f /dev/nst0 rewind
  tar -b 512 -xf /dev/nst0     this label
  mt -f /dev/nst0 fsf 1        to the next tape file
  tar -b 512 -xf /dev/nst0     what it holds, and so on up to the end of the data

README.txt in that folder says how to go on; with Node.js it is: node restore.mjs
`
