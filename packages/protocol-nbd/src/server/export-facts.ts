import { baseAllocation, transmissionFlag } from '../wire/constants.js'
import type { BlockSizes, GrantedContext } from '../wire/option-payloads.js'
import type { ExtentsOf, NbdExport } from './nbd-export.js'

/** Tells whether an export refuses to be changed. */
export function isReadOnly(disk: NbdExport): boolean {
  return disk.readOnly ?? disk.write === undefined
}

/** Tells what a client's requests must obey. */
export function blockSizesOf(disk: NbdExport, maxRequestBytes: number): BlockSizes {
  const { minimum, preferred, maximum } = disk.blockSizes ?? { minimum: 1, preferred: 4096, maximum: maxRequestBytes }
  const most = Math.min(maximum, maxRequestBytes)
  return { minimum, preferred, maximum: Math.max(minimum, most - (most % minimum)) }
}

/** Makes the transmission flags of an export. Spec: "Transmission flags". */
export function flagsOf(disk: NbdExport, hasStructuredReplies: boolean): number {
  const isFixed = isReadOnly(disk)
  const flags: readonly [boolean, number][] = [
    [isFixed, transmissionFlag.readOnly],
    [disk.flush !== undefined, transmissionFlag.flush | transmissionFlag.fua],
    [!isFixed && disk.trim !== undefined, transmissionFlag.trim],
    [!isFixed && disk.writeZeroes !== undefined, transmissionFlag.writeZeroes],
    [!isFixed && disk.writeZeroes !== undefined && disk.canFastZero === true, transmissionFlag.fastZero],
    [disk.canMultiConn ?? isFixed, transmissionFlag.multiConn],
    [hasStructuredReplies, transmissionFlag.dontFragment],
  ]
  return flags.reduce<number>((bits, [isSet, flag]) => (isSet ? bits | flag : bits), transmissionFlag.hasFlags)
}

/** A context of an export, with its number on the connections. */
export interface ExportContext extends GrantedContext {
  readonly extentsOf: ExtentsOf
}

/** Tells the contexts of an export; their numbers are the same on all connections. */
export function contextsOf({ blockStatus, contexts = {} }: NbdExport): readonly ExportContext[] {
  const named: readonly (readonly [string, ExtentsOf])[] = [
    ...(blockStatus === undefined ? [] : [[baseAllocation, blockStatus] as const]),
    ...Object.entries(contexts).filter(([name]) => name !== baseAllocation),
  ]
  return named.map(([name, extentsOf], index) => ({ id: index + 1, name, extentsOf }))
}
