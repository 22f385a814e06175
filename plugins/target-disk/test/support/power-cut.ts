import { basename, dirname, join } from 'node:path'
import type { FileSystem } from '../../src/index.js'
import { memoryDisk } from './harness.js'
import { watched } from './watched-file-system.js'

interface DurableFile {
  readonly kind: 'file'
  readonly inode: number
}
interface DurableFolder {
  readonly kind: 'folder'
  readonly entries: Map<string, DurableFile | DurableFolder>
}

/**
 * A disk that forgets on a power cut whatever was not synced: content without a sync of the file, names without a sync
 * of their folder. It is as cruel as POSIX allows a disk to be.
 */
export function forgetfulDisk() {
  const { port: memory, vol } = memoryDisk()
  const contents = new Map<number, Buffer>()
  const root: DurableFolder = { kind: 'folder', entries: new Map() }
  const folders = new Map<number, DurableFolder>([[vol.lstatSync('/disk').ino as number, root]])

  const remember = (path: string) => {
    const status = vol.lstatSync(path)
    if (status.isFile()) {
      contents.set(status.ino as number, Buffer.from(vol.readFileSync(path) as Buffer))
      return
    }
    const folder = folders.get(status.ino as number)
    if (folder === undefined) return
    folder.entries.clear()
    for (const name of vol.readdirSync(path) as string[]) {
      const inner = vol.lstatSync(join(path, name))
      const inode = inner.ino as number
      if (inner.isFile()) folder.entries.set(name, { kind: 'file', inode })
      else {
        const known: DurableFolder = folders.get(inode) ?? { kind: 'folder', entries: new Map() }
        folders.set(inode, known)
        folder.entries.set(name, known)
      }
    }
  }

  let stepsLeft = Number.POSITIVE_INFINITY
  let steps = 0
  const port: FileSystem = watched(memory, () => {
    steps++
    if (stepsLeft-- <= 0) throw new Error('the power is off')
  })
  const syncing: FileSystem = {
    ...port,
    open: async (path, flags, mode) => {
      const file = await port.open(path, flags, mode)
      const linkedAs = path
      return {
        ...file,
        sync: async () => {
          await file.sync()
          remember(linkedAs)
        },
      }
    },
  }

  /** What is on the disk when the power comes back; unsynced content reads as zeros. */
  const afterPowerCut = () => {
    const survived = memoryDisk()
    const restore = (folder: DurableFolder, path: string) => {
      for (const [name, entry] of folder.entries) {
        const inner = join(path, name)
        if (entry.kind === 'folder') {
          survived.vol.mkdirSync(inner)
          restore(entry, inner)
        } else {
          survived.vol.writeFileSync(
            join(dirname(inner), basename(inner)),
            contents.get(entry.inode) ?? Buffer.alloc(7),
          )
        }
      }
    }
    restore(root, '/disk')
    return survived.port
  }
  return {
    port: syncing,
    /** What other processes see after this one was killed: everything, synced or not. */
    afterKill: () => memory,
    afterPowerCut,
    /** Lets `count` more steps happen, then none. */
    cutAfter: (count: number) => {
      stepsLeft = count
    },
    stepsTaken: () => steps,
  }
}
