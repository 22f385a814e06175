import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { skipsWithout, tempFolder } from 'holdfast-lab'
import { describe } from 'vitest'
import { openExt } from '../src/ext/ext.js'
import { extImage } from './support/ext-image.js'
import { describeHostile } from './support/hostile.js'
import { patterned } from './support/sample-tree.js'

const kinds: Readonly<Record<string, readonly string[]>> = {
  ext4: ['-t', 'ext4', '-O', '^has_journal,^metadata_csum,^resize_inode', '-b', '1024'],
  'ext4 with checksums': ['-t', 'ext4', '-O', '^has_journal,^resize_inode', '-b', '1024'],
  'ext4 with inline data': [
    '-t',
    'ext4',
    '-O',
    '^has_journal,^metadata_csum,^resize_inode,inline_data,ea_inode',
    '-I',
    '256',
  ],
  'ext4 with a journal to replay': ['-t', 'ext4', '-O', '^metadata_csum,^resize_inode', '-b', '1024', '-J', 'size=1'],
  ext2: ['-t', 'ext2', '-O', '^resize_inode', '-b', '1024'],
}

/** An image of hardly any content with something of each structure. */
function imageOf(options: readonly string[]): Uint8Array {
  using folder = tempFolder()
  const at = (name: string) => folder.at(`tree/${name}`)
  mkdirSync(at('folder/inner/empty'), { recursive: true })
  writeFileSync(at('folder/inner/file'), patterned(100, 1))
  writeFileSync(at('tiny'), patterned(20, 2))
  for (let i = 0; i < 40; i++) writeFileSync(at(`folder/an entry that fills blocks of the directory ${i}`), '')
  symlinkSync('short', at('short link'))
  symlinkSync('l'.repeat(100), at('long link'))
  const hasJournal = options.includes('-J')
  const image = extImage(folder, hasJournal ? '3M' : '1M', '-N', '96', ...options, '-d', folder.at('tree'))
  image.write('holes', patterned(14 * 1024, 3))
  image.debug(...[1, 3, 5, 7, 9, 11].map((block) => `punch holes ${block} ${block}`))
  image.debug(`ea_set tiny user.note ${'n'.repeat(300)}`, 'ea_set folder user.note hello', 'mknod pipe p')
  if (hasJournal) {
    // The first transactions of the log: the blocks that hold the inodes, and some that are void again.
    const inodes = Number(/block (\d+)/.exec(image.debug('imap <12>'))?.[1])
    const blocks = folder.at('blocks')
    writeFileSync(blocks, new Uint8Array(readFileSync(image.path)).subarray(inodes * 1024, (inodes + 3) * 1024))
    const list = [0, 1, 2].map((block) => inodes + block).join(',')
    image.debug('jo', `jw -b ${list} ${blocks}`, 'jw -r 900,901', `jw -b ${list} ${blocks}`, 'jc')
  }
  return new Uint8Array(readFileSync(image.path))
}

describe.skipIf(skipsWithout('e2fsprogs'))('ext', () => {
  const images = Object.fromEntries(Object.entries(kinds).map(([name, options]) => [name, () => imageOf(options)]))
  describeHostile({ name: 'ext', open: openExt, images })
})
