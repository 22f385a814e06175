import type { Fault } from './faults.js'
import type { Settings } from './options.js'
import { type Condition, conditions } from './outcome.js'

/** What drives and changers have in common. */
export interface UnitState {
  readonly settings: Settings
  readonly kind: 'drive' | 'changer'
  readonly vendor: string
  readonly product: string
  readonly serialNumber: string
  /** Unit attentions that each initiator is still to be told; all get a reset first. */
  readonly attentions: Map<string, Condition[]>
  /** Told to an initiator that comes for the first time. */
  firstAttention: Condition
  readonly faults: Fault[]
  /** How it died. */
  death: 'silent' | 'hardware-error' | undefined
  /** Initiators that prevent the removal. */
  readonly preventedBy: Set<string>
  reservedBy: string | undefined
  readonly registrations: Map<string, bigint>
  persistent: { readonly holder: string; readonly type: number } | undefined
  registrationChanges: number
  readonly tapeAlerts: Set<number>
  readonly answered: { commands: number }
}

/** Makes the common part of a unit. */
export function unitState(
  settings: Settings,
  facts: Pick<UnitState, 'kind' | 'vendor' | 'product' | 'serialNumber'>,
): UnitState {
  return {
    settings,
    ...facts,
    attentions: new Map(),
    firstAttention: conditions.wasReset,
    faults: [],
    death: undefined,
    preventedBy: new Set(),
    reservedBy: undefined,
    registrations: new Map(),
    persistent: undefined,
    registrationChanges: 0,
    tapeAlerts: new Set(),
    answered: { commands: 0 },
  }
}

/** The attentions that an initiator is still to be told. */
export function attentionsFor(unit: UnitState, initiator: string): Condition[] {
  const known = unit.attentions.get(initiator)
  if (known !== undefined) return known
  const first = [unit.firstAttention]
  unit.attentions.set(initiator, first)
  return first
}

/** Tells every initiator that knows the unit, but one. */
export function announce(unit: UnitState, condition: Condition, except?: string): void {
  for (const [initiator, queue] of unit.attentions) if (initiator !== except) queue.push(condition)
}

/** Forgets what a loss of power takes. */
export function restartUnit(unit: UnitState, condition: Condition): void {
  unit.preventedBy.clear()
  unit.reservedBy = undefined
  unit.firstAttention = condition
  unit.attentions.clear()
}
