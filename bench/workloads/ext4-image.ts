import { readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { runQuietly } from '../measure/run-quietly.ts'

const uuid = '11111111-2222-3333-4444-555555555555'
const epoch = '1700000000'
const firstOrdinaryInode = 11
const rootInode = 2

/** Makes a sparse ext4 image from a folder, without mounting it. The same folder gives the same image. */
export async function makeExt4Image(image: string, sizeBytes: number, folder: string): Promise<void> {
  rmSync(image, { force: true })
  writeFileSync(image, '')
  truncateSync(image, sizeBytes)
  const env = { E2FSPROGS_FAKE_TIME: epoch, LC_ALL: 'C' }
  const features = ['-O', '^has_journal', '-E', `root_owner=0:0,hash_seed=${uuid},lazy_itable_init=0`]
  await runQuietly('mke2fs', ['-t', 'ext4', '-q', '-F', '-U', uuid, ...features, '-d', folder, image], { env })
  await setInodeTimes(image, firstOrdinaryInode + countEntries(folder), env)
  await runQuietly('fallocate', ['--dig-holes', image])
}

/** mke2fs copies times from the folder, and those are of this very moment: two images would never be equal. */
async function setInodeTimes(image: string, lastInode: number, env: Record<string, string>): Promise<void> {
  const inodes = [rootInode]
  for (let inode = firstOrdinaryInode; inode <= lastInode; inode++) inodes.push(inode)
  const times = ['atime', 'ctime', 'mtime', 'crtime']
  const commands = inodes.flatMap((inode) =>
    times.flatMap((time) => [`sif <${inode}> ${time} @${epoch}`, `sif <${inode}> ${time}_extra 0`]),
  )
  const script = `${image}.debugfs`
  writeFileSync(script, `${commands.join('\n')}\n`)
  await runQuietly('debugfs', ['-w', '-f', script, image], { env })
  rmSync(script)
}

function countEntries(folder: string): number {
  return readdirSync(folder, { recursive: true }).length
}
