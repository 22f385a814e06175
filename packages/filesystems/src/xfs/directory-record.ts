import { nameFromBytes } from '../names/name-bytes.js'

/** A name as a directory stores it. */
export interface DirectoryRecord {
  readonly name: string
  readonly inode: number
}

/** Makes a record. */
export function directoryRecord(name: Uint8Array, inode: number): DirectoryRecord {
  return { name: nameFromBytes(name), inode }
}
