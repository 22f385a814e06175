import type { ScsiCommand } from '../../scsi/index.js'
import type { Condition } from './outcome.js'

/** What goes wrong with a command. */
export interface SimulatedFault {
  /** First byte of the command. @defaultValue any command */
  readonly opcode?: number
  /**
   * Sense data that is answered, without the command being carried out; `busy`; or no answer at all: `lost` before it
   * is carried out, `lost-after` it was.
   */
  readonly result: Condition | 'busy' | 'lost' | 'lost-after'
  /** So many such commands succeed before. @defaultValue 0 */
  readonly afterCommands?: number
  /** It meets the first such command that would move more than so many bytes in all. */
  readonly afterBytes?: number
  /** @defaultValue 1 */
  readonly times?: number
}

/** A fault that waits. */
export interface Fault {
  readonly fault: SimulatedFault
  commands: number
  bytes: number
  left: number
}

/** Makes a fault wait. */
export function waitingFault(fault: SimulatedFault): Fault {
  return { fault, commands: 0, bytes: 0, left: fault.times ?? 1 }
}

/** Counts a command against the faults that wait, and returns what goes wrong with it. */
export function faultOf(faults: Fault[], command: ScsiCommand): SimulatedFault['result'] | undefined {
  for (const waiting of faults) {
    const { opcode, result, afterCommands = 0, afterBytes = Number.NEGATIVE_INFINITY } = waiting.fault
    if (opcode !== undefined && opcode !== command.cdb[0]) continue
    waiting.bytes += command.dataOut?.length ?? command.dataIn?.length ?? 0
    waiting.commands += 1
    if (waiting.commands <= afterCommands || waiting.bytes <= afterBytes) continue
    waiting.left -= 1
    if (waiting.left === 0) faults.splice(faults.indexOf(waiting), 1)
    return result
  }
  return
}
