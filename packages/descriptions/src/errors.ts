import { BackupError } from '@holdfast/core'
import { printable } from './printable.js'

/** Names of the formats, as messages and `native.format` write them. */
export type DescriptionFormat = 'unknown' | 'vmx' | 'ovf' | 'ova' | 'libvirt-xml' | 'hyperv-powershell' | 'qemu-command'

/** Where in a description something is. */
export interface Place {
  readonly line?: number
  /** Key, element or member. */
  readonly element?: string
}

/** Makes the error for a description that cannot be understood. */
export function invalidDescription(
  format: DescriptionFormat,
  problem: string,
  place: Place,
  hint: string,
  cause?: unknown,
): BackupError {
  const line = place.line === undefined ? '' : ` at line ${place.line}`
  const element = place.element === undefined ? '' : ` (${printable(place.element)})`
  return new BackupError(
    'E_SOURCE_INVALID',
    `The ${format === 'unknown' ? '' : `${format} `}description is wrong${line}${element}: ${problem}`,
    {
      operation: 'description.read',
      context: {
        format,
        ...(place.line !== undefined && { line: place.line }),
        ...(place.element !== undefined && { element: printable(place.element) }),
      },
      hint,
      ...(cause !== undefined && { cause }),
    },
  )
}

/** Makes the error for a machine that a format cannot hold. */
export function cannotDescribe(format: DescriptionFormat, problem: string, hint: string): BackupError {
  return new BackupError('E_PLACEMENT', `A ${format} description cannot be written: ${problem}`, {
    operation: 'description.write',
    context: { format },
    hint,
  })
}
