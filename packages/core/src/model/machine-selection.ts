import { globMatches } from './glob.js'
import type { MachineRef, MachineSelector } from './machine.js'

/** Tells whether a machine fits a selector; sources use it so that `*` means the same everywhere. */
export function machineMatches(machine: MachineRef, selector: MachineSelector): boolean {
  const named = (patterns: readonly string[]) =>
    patterns.some((p) => globMatches(p, machine.name) || globMatches(p, machine.id))
  if (selector.include !== undefined && selector.include.length > 0 && !named(selector.include)) return false
  if (selector.exclude !== undefined && named(selector.exclude)) return false
  return Object.entries(selector.labels ?? {}).every(([name, value]) => machine.labels?.[name] === value)
}
