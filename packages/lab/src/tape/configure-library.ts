import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runAside } from '../programs/run.ts'

/** A user of CHAP. */
export interface ChapUser {
  readonly name: string
  readonly secret: string
}

/** Who may log in, and what the target itself proves. */
export interface ChapUsers extends ChapUser {
  readonly mutual?: ChapUser
}

/** What a library is made of. */
export interface LibraryLayout {
  readonly target: string
  readonly folder: string
  readonly mediaFolder: string
  /** Barcodes, in the order of the slots from the first. */
  readonly barcodes: readonly string[]
  readonly drives: number
  readonly slots: number
  readonly mailSlots: number
  readonly chap: ChapUsers | undefined
  readonly parameters: Readonly<Record<string, string | number>>
}

/** Runs tgtadm on one tgtd. */
export type Tgtadm = (...args: readonly string[]) => Promise<string>

/** First addresses of elements. */
export const firstElement = { robot: 1, drive: 256, mailSlot: 768, slot: 1024 } as const

const elementTypes = { robot: 1, slot: 2, mailSlot: 3, drive: 4 } as const

/** Makes the files that a library needs before its first start: cartridges, and the placeholders of empty drives. */
export async function makeMedia(
  { folder, mediaFolder, drives }: LibraryLayout,
  cartridges: readonly { readonly barcode: string; readonly sizeMib: number }[],
): Promise<void> {
  const image = async (file: string, barcode: string, sizeMib: number, type: 'data' | 'clean') => {
    const about = ['--barcode', barcode, '--size', String(sizeMib), '--type', type, '--file', file]
    await runAside('tgtimg', ['--op', 'new', '--device-type', 'tape', ...about])
  }
  for (const { barcode, sizeMib } of cartridges) await image(join(mediaFolder, barcode), barcode, sizeMib, 'data')
  for (let drive = 1; drive <= drives; drive++) await image(placeholder(folder, drive), 'EMPTY', 1, 'clean')
  await writeFile(changerFile(folder), new Uint8Array(1024))
}

/** Tells a tgtd that has just started what it is: drives are the logical units from 1 on, the changer is the one after them. */
export async function configureLibrary(tgtadm: Tgtadm, layout: LibraryLayout): Promise<void> {
  const { target, folder, drives, chap } = layout
  await tgtadm('--mode', 'target', '--op', 'new', '--tid', '1', '-T', target)
  for (const [name, value] of Object.entries(layout.parameters))
    await tgtadm('--mode', 'target', '--op', 'update', '--tid', '1', '--name', name, '--value', String(value))
  const unit = async (lun: number, ...args: readonly string[]) =>
    await tgtadm('--mode', 'logicalunit', ...args, '--tid', '1', '--lun', String(lun))
  const update = async (lun: number, params: string) => await unit(lun, '--op', 'update', '--params', params)
  for (let drive = 1; drive <= drives; drive++) {
    await unit(drive, '--op', 'new', '--backing-store', placeholder(folder, drive), '--device-type', 'tape')
    const serial = `DRV${String(drive).padStart(3, '0')}`
    const identity = `vendor_id=IBM,product_id=ULT3580-TD5,product_rev=0001,scsi_sn=${serial},removable=1`
    await update(drive, identity)
    await update(drive, 'online=0')
  }
  const changer = drives + 1
  await unit(changer, '--op', 'new', '--backing-store', changerFile(folder), '--device-type', 'changer')
  await configureChanger(async (params) => await update(changer, params), layout)
  if (chap !== undefined) await addUsers(tgtadm, chap)
  await tgtadm('--mode', 'target', '--op', 'bind', '--tid', '1', '--initiator-address', '127.0.0.1')
}

async function configureChanger(update: (params: string) => Promise<string>, layout: LibraryLayout): Promise<void> {
  const { drives, mailSlots, slots, barcodes, mediaFolder } = layout
  const range = (type: keyof typeof elementTypes, quantity: number) =>
    `element_type=${elementTypes[type]},start_address=${firstElement[type]},quantity=${quantity}`
  await update(`media_home=${mediaFolder}`)
  await update(range('robot', 1))
  await update(range('drive', drives))
  for (let drive = 0; drive < drives; drive++)
    await update(`element_type=${elementTypes.drive},address=${firstElement.drive + drive},tid=1,lun=${drive + 1}`)
  if (mailSlots > 0) await update(range('mailSlot', mailSlots))
  await update(range('slot', slots))
  for (const [index, barcode] of barcodes.entries())
    await update(`element_type=${elementTypes.slot},address=${firstElement.slot + index},barcode=${barcode},sides=1`)
}

async function addUsers(tgtadm: Tgtadm, chap: ChapUsers): Promise<void> {
  const add = async ({ name, secret }: ChapUser, ...more: readonly string[]) => {
    await tgtadm('--mode', 'account', '--op', 'new', '--user', name, '--password', secret)
    await tgtadm('--mode', 'account', '--op', 'bind', '--tid', '1', '--user', name, ...more)
  }
  await add(chap)
  if (chap.mutual !== undefined) await add(chap.mutual, '--outgoing')
}

function placeholder(folder: string, drive: number): string {
  return join(folder, `empty${drive}`)
}

function changerFile(folder: string): string {
  return join(folder, 'changer')
}
