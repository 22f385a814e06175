import type { CallOptions, DiskId } from '@holdfast/core'
import type { MemoryDisk } from './memory-disk.js'

/** The disks of a machine in memory as its guest has them; what it writes is gone when it ends. */
export type GuestDisks = ReadonlyMap<DiskId, MemoryDisk>

/** What a machine in memory does once it is started. */
export interface MemoryGuest {
  /** Yields what the serial port prints; returning ends the machine. */
  readonly serial: (disks: GuestDisks, options: CallOptions) => AsyncIterable<string>
  /** Runs a command; `undefined` when no agent answers. @defaultValue no agent */
  readonly execute?: (command: string, disks: GuestDisks) => GuestAnswer | undefined
}

/** How a command in the guest ended. */
export interface GuestAnswer {
  readonly exitCode: number
  readonly output: string
}

/**
 * A guest that comes up when the first disk starts with a boot sector, writes to its disk as guests do, and stays up.
 *
 * Its agent answers; of commands it knows `true`, `false` and `echo …`.
 */
export const sectorGuest: MemoryGuest = {
  serial: async function* (disks, options) {
    const [first] = disks.values()
    yield 'SeaMemory\r\nBooting from Hard Disk...\r\n'
    if (!hasBootSector(first)) {
      yield 'No bootable device.\r\n'
      await forEver(options)
    }
    first?.write(Math.min(512, first.sizeBytes - 1), new Uint8Array([0x7f]))
    yield '\x1b[2JMemory GNU/Nothing ttyS0\r\n\r\nmemory '
    yield 'login: '
    await forEver(options)
  },
  execute: (command, disks) => {
    const [first] = disks.values()
    if (!hasBootSector(first)) return undefined
    if (command.startsWith('echo ')) return { exitCode: 0, output: `${command.slice(5)}\n` }
    return { exitCode: command === 'true' ? 0 : 1, output: '' }
  },
}

/** A boot sector of 512 bytes, to be written to the start of a disk that {@link sectorGuest} boots. */
export function bootSector(): Uint8Array {
  const sector = new Uint8Array(512)
  sector.set([0xeb, 0xfe])
  sector.set([0x55, 0xaa], 510)
  return sector
}

function hasBootSector(disk: MemoryDisk | undefined): boolean {
  if (disk === undefined || disk.sizeBytes < 512) return false
  const sector = new Uint8Array(512)
  disk.peek().image.fillRange(0, sector)
  return sector[510] === 0x55 && sector[511] === 0xaa
}

function forEver({ signal }: CallOptions): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason)
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}
