import type { ScsiAnswer, ScsiDevice } from '@holdfast/protocol-iscsi/scsi'
import type { SimulatedUnits } from '@holdfast/protocol-iscsi/testing'

/** What goes wrong. */
export type Fault =
  /** The drive says so, and does nothing. */
  | { readonly kind: 'sense'; readonly key: number; readonly asc: number }
  /** The drive says so of this write and all later ones, of blocks alone. */
  | { readonly kind: 'writes-fail' }
  /** No answer comes; `before`: nor did the command arrive. */
  | { readonly kind: 'lost'; readonly before: boolean }
  /** The power goes, and comes back. */
  | { readonly kind: 'power' }
  /** The drive takes filemarks from now on, and writes none. */
  | { readonly kind: 'no-filemarks' }

/** Units that something goes wrong with. */
export interface FaultyUnits extends SimulatedUnits {
  /** From now on nothing goes wrong. */
  readonly mend: () => void
  readonly hasStruck: () => boolean
}

const write = 0x0a
const writeFilemarks = 0x10

/** Lets something go wrong with the command of that number, counted over all units from 0. */
export function faultyUnits(
  units: SimulatedUnits,
  fault: Fault,
  atCommand: number,
  losePower: () => void,
): FaultyUnits {
  let commands = 0
  let hasStruck = false
  let isMended = false
  const faulty = (device: ScsiDevice): ScsiDevice => ({
    execute: async (command, options) => {
      const opcode = command.cdb[0]
      const run = () => device.execute(command, options)
      if (isMended) return await run()
      const isNow = commands++ === atCommand
      const isSince = commands > atCommand
      hasStruck ||= isNow
      if (fault.kind === 'writes-fail') return isSince && opcode === write ? sense(0x3, 0x0c) : await run()
      if (fault.kind === 'no-filemarks') return isSince && opcode === writeFilemarks ? good : await run()
      if (!isNow) return await run()
      if (fault.kind === 'sense') return sense(fault.key, fault.asc)
      if (fault.kind === 'power') losePower()
      else if (!fault.before) await run()
      throw new Error('No answer came.')
    },
  })
  return {
    changer: faulty(units.changer),
    drives: units.drives.map(faulty),
    mend: () => {
      isMended = true
    },
    hasStruck: () => hasStruck,
  }
}

const good: ScsiAnswer = { status: 0, sense: new Uint8Array(), dataInBytes: 0 }

/** CHECK CONDITION with sense data of the fixed format. */
function sense(key: number, asc: number): ScsiAnswer {
  const bytes = new Uint8Array(18)
  bytes.set([0x70, 0, key, 0, 0, 0, 0, 10])
  bytes[12] = asc
  return { status: 2, sense: bytes, dataInBytes: 0 }
}
