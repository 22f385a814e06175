import { copyPoints } from '@holdfast/core/engine'
import type { Repository } from '@holdfast/core/repository'
import { type MemoryTarget, memoryTarget } from '@holdfast/testkit/memory'
import { type DamageCase, damagesOf } from './damages.js'
import type { Restored } from './outcome.js'
import { call, chainFor, filledVault, type ObjectKind, openVault, type Protection, type Vault } from './vault.js'

/** A damage by its name. */
export function damage(kind: ObjectKind, name: string): DamageCase {
  const found = damagesOf(kind).find((candidate) => candidate.name === name)
  if (found === undefined) throw new Error(`no damage '${name}' of a ${kind}`)
  return found
}

/** One of each kind of object that a repair mends, all of which may be damaged at once. */
export const mendable = [
  'data pack',
  'tree pack',
  'index',
  'point',
  'point copy',
  'verification',
  'condemned',
  'description',
] as const satisfies readonly ObjectKind[]

/** A vault, and another repository that holds the same captures. */
export interface Pair {
  readonly vault: Vault
  readonly from: Repository
  readonly target: MemoryTarget
}

/** A vault and a second target of the same runs, protected the other way: ids and frames differ, captures do not. */
export async function pairOfOneRun(protection: Protection): Promise<Pair> {
  const target = memoryTarget()
  const chain = chainFor(protection === 'plain' ? 'encrypted' : 'plain')
  const vault = await filledVault(protection, [{ name: 'second', plugin: target, transforms: chain }])
  return { vault, target, from: await openVault({ name: 'second', plugin: target }, chain, vault.host) }
}

/** A vault and what was copied from it afterwards. */
export async function pairByCopy(protection: Protection): Promise<Pair> {
  const { vault, target, from } = await pairOfOneRun(protection)
  for (const name of target.objects.keys())
    if (!name.startsWith('holdfast') && !name.startsWith('keys/')) target.objects.drop(name)
  const { entries } = await vault.repository.points.list(call)
  const chain = chainFor(protection === 'plain' ? 'encrypted' : 'plain')
  const { copied } = await copyPoints(vault.repository, from, entries, { ...call, transforms: chain })
  if (copied.length !== 4) throw new Error(`${copied.length} of 4 points were copied`)
  return { vault, target, from }
}

export function allSame(restored: ReadonlyMap<string, Restored>): boolean {
  return [...restored.values()].every(({ how }) => how === 'same')
}
