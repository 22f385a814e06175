/** An error of a system call, as Node makes them. */
export function failure(code: keyof typeof numbers): Error {
  return Object.assign(new Error(`${code}, simulated`), { code, errno: -numbers[code] })
}

const numbers = {
  ENOENT: 2,
  EIO: 5,
  ENXIO: 6,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EBUSY: 16,
  EINVAL: 22,
  ENOTTY: 25,
  ENOSPC: 28,
  ENOMEDIUM: 123,
} as const

/** What the driver behind one open file does. */
export interface OpenFile {
  readonly read: (into: Uint8Array) => Promise<number>
  readonly write: (bytes: Uint8Array) => Promise<number>
  readonly ioctl: (request: number, argument: Uint8Array) => Promise<number>
  readonly readable: () => Promise<void>
  readonly release: () => Promise<void>
}
