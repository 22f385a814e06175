import { createHash } from 'node:crypto'
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { run, skipsUnless, skipsWithout, tempFolder } from 'holdfast-lab'
import { describe } from 'vitest'

const canMount = process.getuid?.() === 0 && existsSync('/dev/fuse')

/** A suite that makes volumes with ntfs-3g. */
export const describeNtfs = describe.skipIf(
  skipsWithout('ntfs-3g', 'attr', 'fuse3') || skipsUnless(canMount, 'mounting with ntfs-3g wants root and /dev/fuse'),
)

/** How a volume is made and filled. */
export interface NtfsRecipe {
  readonly sizeBytes: number
  readonly mkntfs: readonly string[]
  readonly mount?: string
  /** Fills the mounted volume. */
  readonly fill: (root: string) => void
  /** Changes the image when it is mounted no longer. */
  readonly finish?: (image: string) => void
}

/** What ntfs-3g reads of a file. */
export interface SeenFile {
  readonly isDirectory: boolean
  readonly sizeBytes: number
  readonly inode: number
  readonly modifiedMs: number
  readonly sha256?: string
}

/** A volume and what ntfs-3g reads in it. */
export interface MadeNtfs {
  readonly bytes: Uint8Array
  readonly seen: ReadonlyMap<string, SeenFile>
}

/** Files larger than this are not read whole. */
const mostDigestBytes = 2 ** 25

/** Makes a volume, fills it, mounts it again and reads what is there. */
export function makeNtfs({ sizeBytes, mkntfs, mount = '', fill, finish }: NtfsRecipe): MadeNtfs {
  using folder = tempFolder()
  const image = folder.at('image')
  run('truncate', '-s', String(sizeBytes), image)
  run('mkntfs', '-Q', '-q', '-F', ...mkntfs, image)
  withMounted(folder.path, image, mount, fill)
  finish?.(image)
  const seen = new Map<string, SeenFile>()
  withMounted(folder.path, image, 'ro', (root) => look(root, '', seen))
  return { bytes: readFileSync(image), seen }
}

/** Sets one of the attributes by which ntfs-3g lets NTFS be seen as it is. */
export function setNtfs(file: string, name: string, value: Uint8Array): void {
  run('setfattr', '-h', '-n', `system.${name}`, '-v', `0x${Buffer.from(value).toString('hex')}`, file)
}

function withMounted(folder: string, image: string, options: string, use: (root: string) => void): void {
  const root = join(folder, 'mounted')
  mkdirSync(root, { recursive: true })
  run('ntfs-3g', '-o', ['silent', ...(options === '' ? [] : [options])].join(), image, root)
  try {
    use(root)
  } finally {
    unmount(root)
  }
}

/** The program ends a moment after the mount is gone, and writes the image until then. */
function unmount(root: string): void {
  const pids = run('sh', '-c', `grep -lz -- "${root}" /proc/[0-9]*/cmdline 2>/dev/null | cut -d/ -f3`)
    .trim()
    .split('\n')
  run('fusermount', '-u', root)
  for (let waited = 0; waited < 200 && pids.some((pid) => pid !== '' && existsSync(`/proc/${pid}/exe`)); waited++)
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 25)
}

function look(root: string, inside: string, seen: Map<string, SeenFile>): void {
  for (const name of readdirSync(join(root, inside))) {
    const file = `${inside}/${name}`
    const stat = lstatSync(join(root, file))
    const hasContent = stat.isFile() && stat.size <= mostDigestBytes
    seen.set(file, {
      isDirectory: stat.isDirectory(),
      sizeBytes: stat.isFile() ? stat.size : 0,
      inode: stat.ino,
      modifiedMs: Number(lstatSync(join(root, file), { bigint: true }).mtimeMs),
      ...(hasContent && {
        sha256: createHash('sha256')
          .update(readFileSync(join(root, file)))
          .digest('hex'),
      }),
    })
    if (stat.isDirectory()) look(root, file, seen)
  }
}
