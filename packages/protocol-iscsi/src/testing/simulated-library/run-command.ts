import type { ScsiAnswer, ScsiCommand } from '../../scsi/index.js'
import { scsiStatus } from '../../scsi/status.js'
import { faultOf } from './faults.js'
import { check, conditions, type Handler, type Outcome, refuse } from './outcome.js'
import { isReservedFor } from './reservations.js'
import { senseBytes } from './sense-bytes.js'
import { attentionsFor, type UnitState } from './unit-state.js'

/** A unit with its commands by their first byte. */
export interface RunningUnit<Unit extends UnitState> {
  readonly state: Unit
  readonly handlers: ReadonlyMap<number, Handler<Unit>>
}

/** These never meet a unit attention. SPC-4, 5.14. */
const unattended = new Set([0x03, 0x12, 0xa0])

/** Carries out one command. @throws Error without a code when nothing is answered */
export function runCommand<Unit extends UnitState>(
  { state, handlers }: RunningUnit<Unit>,
  command: ScsiCommand,
  initiator: string,
): ScsiAnswer {
  if (state.death === 'silent') throw new Error('The simulated unit does not answer.')
  state.answered.commands += 1
  const fault = faultOf(state.faults, command)
  if (fault === 'lost') throw new Error('The simulated command was lost on its way.')
  const outcome =
    fault === undefined || fault === 'lost-after' ? outcomeOf(state, handlers, command, initiator) : failed(fault)
  if (fault === 'lost-after') throw new Error('The simulated answer was lost on its way.')
  const room = command.dataIn ?? new Uint8Array()
  const given = outcome.data.subarray(0, room.length)
  room.set(given)
  const sense =
    outcome.condition === undefined ? new Uint8Array() : senseBytes(outcome.condition, state.settings.senseFormat)
  return { status: outcome.status, sense, dataInBytes: Math.min(outcome.countedBytes ?? given.length, room.length) }
}

function failed(fault: Exclude<ReturnType<typeof faultOf>, undefined | 'lost' | 'lost-after'>): Outcome {
  return fault === 'busy' ? refuse(scsiStatus.busy) : check(fault)
}

function outcomeOf<Unit extends UnitState>(
  state: Unit,
  handlers: ReadonlyMap<number, Handler<Unit>>,
  command: ScsiCommand,
  initiator: string,
): Outcome {
  const opcode = command.cdb[0] ?? 0
  if (state.death === 'hardware-error') return check(conditions.hardware)
  if (!unattended.has(opcode)) {
    const attention = attentionsFor(state, initiator).shift()
    if (attention !== undefined) return check(attention)
  }
  const handler = handlers.get(opcode)
  if (handler === undefined) return check(conditions.unsupported)
  if (!isReservedFor(state, initiator, opcode)) return refuse(scsiStatus.reservationConflict)
  return handler(state, command, initiator)
}
