import type { CallOptions } from '@holdfast/core'
import {
  awaitReady,
  type Element,
  type ElementAddresses,
  elementAddresses,
  moveMedium,
  readInventory,
  type ScsiDevice,
} from '@holdfast/protocol-iscsi/scsi'
import { fromDevice } from '../drive/drive-errors.js'

/** What an element of a library holds. */
export interface ChangerPlace {
  readonly kind: 'slot' | 'mail' | 'drive'
  /** As the changer counts elements. */
  readonly address: number
  /** Place among those of its kind, from 0: that of a drive says which drive it is. */
  readonly number: number
  readonly isFull: boolean
  /** Of the cartridge; undefined when there is none, or it has none that can be read. */
  readonly barcode: string | undefined
  /** The slot that the cartridge of a drive came from. */
  readonly cameFrom: number | undefined
  /** What is wrong with it, in words. */
  readonly problem: string | undefined
}

/** Carries cartridges. Calls come one at a time. All of them throw BackupError `E_TARGET_*`. */
export interface Changer {
  readonly name: string
  /** Lists all places, in order: slots, mail slots, drives. */
  readonly places: (options: CallOptions) => Promise<readonly ChangerPlace[]>
  /** Carries a cartridge from one address to another; that of a drive was unloaded before. */
  readonly move: (from: number, to: number, options: CallOptions) => Promise<void>
}

/** A changer that takes SCSI commands. */
export function scsiChanger(name: string, device: ScsiDevice): Changer {
  let addresses: ElementAddresses | undefined
  return {
    name,
    places: ({ signal }) =>
      fromDevice(name, 'list its cartridges', async () => {
        await awaitReady(device, { signal })
        addresses ??= await elementAddresses(device, { signal })
        const { storage, importExport, drives } = await readInventory(device, addresses, {
          signal,
          withDeviceIds: false,
        })
        return [...placesOf('slot', storage), ...placesOf('mail', importExport), ...placesOf('drive', drives)]
      }),
    move: (source, destination, { signal }) =>
      fromDevice(name, 'move a cartridge', async () => {
        await awaitReady(device, { signal })
        await moveMedium(device, { source, destination }, { signal })
      }),
  }
}

function placesOf(kind: ChangerPlace['kind'], elements: readonly Element[]): readonly ChangerPlace[] {
  const inOrder = [...elements].sort((a, b) => a.address - b.address)
  return inOrder.map((element, number) => {
    const barcode = element.primaryTag?.identifier
    return {
      kind,
      address: element.address,
      number,
      isFull: element.isFull,
      barcode: element.isFull && barcode !== '' ? barcode : undefined,
      cameFrom: element.sourceAddress,
      problem: element.exception?.text,
    }
  })
}
