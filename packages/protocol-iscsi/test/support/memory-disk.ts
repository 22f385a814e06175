import type { ScsiAnswer, ScsiCommand, ScsiDevice } from '../../src/scsi/scsi-device.js'

/** A disk in memory that knows the commands of the tests, and remembers what it was asked. */
export interface MemoryDisk extends ScsiDevice {
  readonly bytes: Uint8Array
  /** Operation codes, in order. */
  readonly asked: readonly number[]
}

const blockBytes = 512
const none = new Uint8Array(0)

/** Makes a disk of zeros. */
export function memoryDisk(
  sizeBytes: number,
  before: (command: ScsiCommand, signal: AbortSignal) => Promise<void> = async () => {},
): MemoryDisk {
  const bytes = new Uint8Array(sizeBytes)
  const asked: number[] = []
  const blocks = sizeBytes / blockBytes
  return {
    bytes,
    asked,
    execute: async (command, { signal }) => {
      const { cdb, dataIn = none, dataOut = none } = command
      const view = new DataView(cdb.buffer, cdb.byteOffset, cdb.byteLength)
      asked.push(cdb[0]!)
      await before(command, signal)
      switch (cdb[0]) {
        case 0x00:
        case 0x35:
          return good()
        case 0x12:
          return give(dataIn, (cdb[1]! & 1) === 0 ? identity() : page(cdb[2]!))
        case 0x25: {
          const answer = Buffer.alloc(8)
          answer.writeUInt32BE(blocks - 1)
          answer.writeUInt32BE(blockBytes, 4)
          return give(dataIn, answer)
        }
        case 0x9e: {
          const answer = Buffer.alloc(32)
          answer.writeBigUInt64BE(BigInt(blocks - 1))
          answer.writeUInt32BE(blockBytes, 8)
          return give(dataIn, answer)
        }
        case 0x28:
        case 0x88: {
          const at = (cdb[0] === 0x28 ? view.getUint32(2) : Number(view.getBigUint64(2))) * blockBytes
          return at + dataIn.length > bytes.length ? bad(0x21) : give(dataIn, bytes.subarray(at, at + dataIn.length))
        }
        case 0x2a:
        case 0x8a: {
          const at = (cdb[0] === 0x2a ? view.getUint32(2) : Number(view.getBigUint64(2))) * blockBytes
          if (at + dataOut.length > bytes.length) return bad(0x21)
          bytes.set(dataOut, at)
          return good()
        }
        default:
          return bad(0x20)
      }
    },
  }
}

/** READ(10) or WRITE(10). SBC-3, 5.11 and 5.32. */
export function blocksCdb(kind: 'read' | 'write', block: number, lengthBytes: number): Uint8Array {
  const cdb = Buffer.alloc(10)
  cdb[0] = kind === 'read' ? 0x28 : 0x2a
  cdb.writeUInt32BE(block, 2)
  cdb.writeUInt16BE(lengthBytes / blockBytes, 7)
  return cdb
}

function good(): ScsiAnswer {
  return { status: 0, sense: none, dataInBytes: 0 }
}

function give(into: Uint8Array, bytes: Uint8Array): ScsiAnswer {
  const dataInBytes = Math.min(into.length, bytes.length)
  into.set(bytes.subarray(0, dataInBytes))
  return { ...good(), dataInBytes }
}

function bad(code: number): ScsiAnswer {
  const sense = Uint8Array.of(0x70, 0, 5, 0, 0, 0, 0, 10, 0, 0, 0, 0, code, 0, 0, 0, 0, 0)
  return { status: 2, sense, dataInBytes: 0 }
}

function identity(): Uint8Array {
  const head = Uint8Array.of(0, 0, 5, 2, 31, 0, 0, 2)
  return Buffer.concat([head, Buffer.from('HOLDFASTMEMORY DISK     0001')])
}

function page(code: number): Uint8Array {
  if (code === 0x00) return Uint8Array.of(0, 0, 0, 2, 0, 0x80)
  return Buffer.concat([Uint8Array.of(0, 0x80, 0, 8), Buffer.from('FAKE0001')])
}
