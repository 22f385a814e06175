import { errno, errnoOf } from './device-errors.js'
import type { SystemCalls } from './system-calls.js'

/** Operations of `MTIOCTOP`. Linux, include/uapi/linux/mtio.h. */
export const stOperation = {
  MTFSF: 1,
  MTFSR: 3,
  MTWEOF: 5,
  MTREW: 6,
  MTOFFL: 7,
  MTSETBLK: 20,
  MTLOAD: 30,
} as const

/** `_IOW('m', 1, struct mtop)` and `_IOR('m', 2, struct mtget)`. */
export const stRequest = { MTIOCTOP: 0x40086d01, MTIOCGET: 0x80306d02 } as const

/** Offsets within `struct mtop` and `struct mtget`, where a long has 8 bytes. */
export const mtop = { bytes: 8, operation: 0, count: 4 } as const
export const mtget = { bytes: 48, status: 16, generic: 24, file: 40 } as const

/** `GMT_*`: bits of `mt_gstat`. */
export const stFlag = {
  nearEnd: 0x2000_0000n,
  endOfData: 0x0800_0000n,
  writeProtected: 0x0400_0000n,
  online: 0x0100_0000n,
  empty: 0x0004_0000n,
} as const

/** What the driver says of a drive. */
export type StStatus = Readonly<Record<keyof typeof stFlag, boolean>> & {
  /** 0: every block has its own length. */
  readonly blockLengthBytes: number
  /** Tape file that the head is in, counted from 0; negative when the driver does not know. */
  readonly file: number
}

/** The ioctls of a drive that is open. */
export interface StIoctls {
  readonly operate: (operation: keyof typeof stOperation, count?: number) => Promise<void>
  readonly status: () => Promise<StStatus>
}

const blockLengthMask = 0xff_ffff

export function stIoctls(fd: number, { ioctl }: SystemCalls): StIoctls {
  return {
    operate: async (operation, count = 1) => {
      const view = new DataView(new ArrayBuffer(mtop.bytes))
      view.setInt16(mtop.operation, stOperation[operation], true)
      view.setInt32(mtop.count, count, true)
      await ioctl(fd, stRequest.MTIOCTOP, new Uint8Array(view.buffer))
    },
    status: async () => {
      const view = new DataView(new ArrayBuffer(mtget.bytes))
      await ioctl(fd, stRequest.MTIOCGET, new Uint8Array(view.buffer))
      const flags = view.getBigInt64(mtget.generic, true)
      const has = (flag: bigint) => (flags & flag) !== 0n
      return {
        nearEnd: has(stFlag.nearEnd),
        endOfData: has(stFlag.endOfData),
        writeProtected: has(stFlag.writeProtected),
        online: has(stFlag.online),
        empty: has(stFlag.empty),
        blockLengthBytes: Number(view.getBigInt64(mtget.status, true) & BigInt(blockLengthMask)),
        file: view.getInt32(mtget.file, true),
      }
    },
  }
}

/** Tells whether the last write met the early warning; asking also takes what the driver still writes behind our back. */
export async function isNearEnd(ioctls: StIoctls): Promise<boolean> {
  try {
    return (await ioctls.status()).nearEnd
  } catch (error) {
    if (errnoOf(error) === errno.ENOSPC) return true
    throw error
  }
}
