import { byteAt, fieldsOf, hasBits, numberAt, textAt } from '../bytes.js'
import { type CommandOptions, issue } from '../issue.js'
import type { ScsiDevice } from '../scsi-device.js'
import { malformed } from '../scsi-error.js'
import { commandTimeoutsMs } from '../timeouts.js'

const timeoutMs = commandTimeoutsMs.inquiry

/** How long blocks may be. SSC-4, 6.6. */
export interface BlockLimits {
  readonly minimumBytes: number
  readonly maximumBytes: number
  /** Lengths are multiples of 2 to the power of this. */
  readonly granularity: number
}

/** Asks how long blocks may be. */
export async function readBlockLimits(device: ScsiDevice, options: CommandOptions): Promise<BlockLimits> {
  const dataIn = new Uint8Array(6)
  const cdb = Uint8Array.of(0x05, 0, 0, 0, 0, 0)
  const { data } = await issue(device, { what: 'READ BLOCK LIMITS', cdb, dataIn, timeoutMs }, options)
  return decodeBlockLimits(data)
}

/** Reads the limits of blocks. @throws ScsiError `malformed` */
export function decodeBlockLimits(bytes: Uint8Array): BlockLimits {
  if (bytes.length < 6) throw malformed('READ BLOCK LIMITS', 'the answer is shorter than 6 bytes')
  const [maximumBytes, minimumBytes] = [numberAt(bytes, 1, 3), numberAt(bytes, 4, 2)]
  if (maximumBytes < minimumBytes)
    throw malformed('READ BLOCK LIMITS', 'the longest block is shorter than the shortest')
  return { minimumBytes, maximumBytes, granularity: byteAt(bytes, 0) & 0x1f }
}

/** A way of recording that a drive or a cartridge has. SSC-4, 6.10. */
export interface Density {
  /** For the block descriptor of the mode parameters. */
  readonly code: number
  readonly isWritable: boolean
  readonly isDefault: boolean
  readonly capacityBytes: number
  readonly organization: string
  readonly name: string
  readonly description: string
}

/** Asks how a drive can record, or how the cartridge in it can be recorded. @throws ScsiError `unsupported` */
export async function reportDensities(
  device: ScsiDevice,
  of: 'drive' | 'cartridge',
  options: CommandOptions,
): Promise<readonly Density[]> {
  const dataIn = new Uint8Array(4096)
  const cdb = fieldsOf(10, (view) => {
    view.setUint8(0, 0x44)
    view.setUint8(1, of === 'cartridge' ? 1 : 0)
    view.setUint16(7, dataIn.length)
  })
  const { data } = await issue(device, { what: 'REPORT DENSITY SUPPORT', cdb, dataIn, timeoutMs }, options)
  return decodeDensities(data)
}

const descriptorBytes = 52

/** Reads the list of densities; one that is cut off is left out. @throws ScsiError `malformed` */
export function decodeDensities(bytes: Uint8Array): readonly Density[] {
  if (bytes.length < 4) throw malformed('REPORT DENSITY SUPPORT', 'the list is shorter than its header')
  const end = Math.min(bytes.length, 2 + numberAt(bytes, 0, 2))
  const densities: Density[] = []
  for (let at = 4; at + descriptorBytes <= end; ) {
    densities.push({
      code: byteAt(bytes, at),
      isWritable: hasBits(bytes, at + 2, 0x80),
      isDefault: hasBits(bytes, at + 2, 0x20),
      capacityBytes: numberAt(bytes, at + 12, 4) * 1_000_000,
      organization: textAt(bytes, at + 16, 8),
      name: textAt(bytes, at + 24, 8),
      description: textAt(bytes, at + 32, 20),
    })
    // Its own length counts what is behind the length field.
    const hasLength = hasBits(bytes, at + 2, 0x01)
    at += hasLength ? Math.max(descriptorBytes, 5 + numberAt(bytes, at + 3, 2)) : descriptorBytes
  }
  return densities
}
