import type { MachineRef, MachineSelector } from './machine.js'

/** Tells whether a machine fits a selector; sources use it so that `*` means the same everywhere. */
export function machineMatches(machine: MachineRef, selector: MachineSelector): boolean {
  const named = (patterns: readonly string[]) =>
    patterns.some((p) => globMatches(p, machine.name) || globMatches(p, machine.id))
  if (selector.include !== undefined && selector.include.length > 0 && !named(selector.include)) return false
  if (selector.exclude !== undefined && named(selector.exclude)) return false
  return Object.entries(selector.labels ?? {}).every(([name, value]) => machine.labels?.[name] === value)
}

function globMatches(pattern: string, text: string): boolean {
  const parts = pattern.split('*')
  const first = parts[0] ?? ''
  if (parts.length === 1) return text === first
  if (!text.startsWith(first)) return false
  const last = parts[parts.length - 1] ?? ''
  let at = first.length
  for (const part of parts.slice(1, -1)) {
    const found = text.indexOf(part, at)
    if (found < 0) return false
    at = found + part.length
  }
  return text.length - last.length >= at && text.endsWith(last)
}
