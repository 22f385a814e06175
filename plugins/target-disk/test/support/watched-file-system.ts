import type { FileSystem, OpenFile } from '../../src/index.js'

/** A step on the file system: what, on which path, and for writes how many bytes. */
export interface Step {
  readonly name:
    | 'open'
    | 'mkdir'
    | 'chmod'
    | 'stat'
    | 'lstat'
    | 'link'
    | 'rename'
    | 'unlink'
    | 'opendir'
    | 'statfs'
    | 'read'
    | 'write'
    | 'sync'
    | 'close'
  readonly path: string
  readonly buffer?: Uint8Array
}

/** Told of each step before it happens; throwing makes the step fail. */
export type Watcher = (step: Step) => void

/** Wraps a file system so that a watcher sees every step and may fail it. */
export function watched(inner: FileSystem, watch: Watcher): FileSystem {
  const step = async <T>(name: Step['name'], path: string, run: () => Promise<T>): Promise<T> => {
    watch({ name, path })
    return await run()
  }
  return {
    open: (path, flags, mode) =>
      step('open', path, async () => watchedFile(await inner.open(path, flags, mode), path, watch)),
    mkdir: (path, options) => step('mkdir', path, () => inner.mkdir(path, options)),
    chmod: (path, mode) => step('chmod', path, () => inner.chmod(path, mode)),
    stat: (path) => step('stat', path, () => inner.stat(path)),
    lstat: (path) => step('lstat', path, () => inner.lstat(path)),
    link: (from, to) => step('link', to, () => inner.link(from, to)),
    rename: (from, to) => step('rename', to, () => inner.rename(from, to)),
    unlink: (path) => step('unlink', path, () => inner.unlink(path)),
    opendir: (path) => step('opendir', path, () => inner.opendir(path)),
    statfs: (path) => step('statfs', path, () => inner.statfs(path)),
  }
}

function watchedFile(file: OpenFile, path: string, watch: Watcher): OpenFile {
  const step = async <T>(name: Step['name'], run: () => Promise<T>, buffer?: Uint8Array): Promise<T> => {
    watch(buffer === undefined ? { name, path } : { name, path, buffer })
    return await run()
  }
  return {
    read: (buffer, offset, length, position) => step('read', () => file.read(buffer, offset, length, position), buffer),
    write: (buffer, offset, length, position) =>
      step('write', () => file.write(buffer, offset, length, position), buffer.subarray(offset, offset + length)),
    stat: () => step('stat', () => file.stat()),
    sync: () => step('sync', () => file.sync()),
    close: () => step('close', () => file.close()),
  }
}

/** An error as the system makes it. */
export function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: injected`), { code })
}
