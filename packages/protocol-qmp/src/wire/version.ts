import { recordOf, sizeOf, textOf } from './fields.js'

/** QEMU's version. */
export interface QemuVersion {
  readonly major: number
  readonly minor: number
  readonly micro: number
  /** The distribution's own version; may be empty. */
  readonly package: string
}

/** Reads `VersionInfo`: of the greeting, or of `query-version`. */
export function readVersion(value: unknown): QemuVersion {
  const info = recordOf(value, 'The version')
  const qemu = recordOf(info['qemu'], 'The version of QEMU')
  return {
    major: sizeOf(qemu['major'], 'The major version'),
    minor: sizeOf(qemu['minor'], 'The minor version'),
    micro: sizeOf(qemu['micro'], 'The micro version'),
    package: textOf(info['package'], 'The package of the version'),
  }
}
