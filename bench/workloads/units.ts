const kib = 1024
export const mib = 1024 * kib
export const gib = 1024 * mib

/** File-system block of the images: the grain of changes and of hole digging. */
export const blockBytes = 4 * kib

/** A run of bytes: offset and length. */
export type ByteRange = readonly [offset: number, length: number]
