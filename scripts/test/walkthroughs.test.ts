import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { skipsWithout } from 'holdfast-lab'
import { expect, test } from 'vitest'
import { comparable, walkThrough } from '../lib/walkthrough.mjs'
import { root } from '../lib/workspace.mjs'

const twoCopies = `
  export HOLDFAST_PASSPHRASE='a sentence that only you know' NEW_PASSPHRASE='another sentence that you know'
  (umask 077; echo 'kept in a safe' > passphrase.txt)
  node make-machines.ts
  holdfast init
  holdfast run nightly`

/** Whatever happens, no machine is left behind: QEMU removes its file when it ends. */
const emulated = `
  export ACCEL=tcg
  pid=machines/web/qemu.pid
  trap 'while [ -e $pid ]; do kill "$(cat $pid)" || break; sleep 0.2; done; sleep 0.5' EXIT`

/** Whatever happens, no library is left behind: its own script removes the file when it stops it. */
const virtualLibrary = `
  pid=library/tgtd.pid
  trap '[ ! -e $pid ] || kill -KILL "$(cat $pid)"' EXIT`

interface Page {
  readonly page: string
  readonly example: string
  readonly before?: string
}

const pages: readonly Page[] = [
  { page: 'docs/tutorials/first-backup.md', example: 'examples/01-first-backup' },
  ...['rotate-keys', 'two-copies', 'repair-damage', 'restore-one-disk', 'prune-safely', 'restore-without-holdfast'].map(
    (name) => ({
      page: `docs/how-to/${name}.md`,
      example: 'examples/02-encrypted-two-copies',
      before: twoCopies,
    }),
  ),
  { page: 'examples/01-first-backup/README.md', example: 'examples/01-first-backup' },
  { page: 'examples/02-encrypted-two-copies/README.md', example: 'examples/02-encrypted-two-copies' },
  { page: 'examples/05-app-consistent/README.md', example: 'examples/05-app-consistent' },
]

async function walk({ page, example, before }: Page): Promise<void> {
  const { steps, failure } = await walkThrough(readFileSync(join(root, page), 'utf8'), join(root, example), before)
  expect(failure).toBeUndefined()
  expect(steps.length).toBeGreaterThan(0)
  for (const { expected, printed, line } of steps) {
    if (expected !== undefined) expect(comparable(printed), `${page}:${line}`).toEqual(comparable(expected))
  }
}

test.each(pages)('the commands of $page work and print what it says', walk)

test.skipIf(skipsWithout('guest'))(
  'the commands of the page on a running VM work, too',
  { timeout: 400_000 },
  async () => {
    await walk({ page: 'docs/tutorials/back-up-a-running-vm.md', example: 'examples/07-qemu-live', before: emulated })
  },
)

test.skipIf(skipsWithout('tgt')).each(['docs/tutorials/weekly-to-tape.md', 'examples/08-weekly-to-tape/README.md'])(
  'the commands of %s work with a tape library, too',
  async (page) => {
    await walk({ page, example: 'examples/08-weekly-to-tape', before: virtualLibrary })
  },
)

test('a command that fails ends the walk and is named by its line', async () => {
  const page = '```sh\necho one\n```\n\n```text\none\n```\n\n```sh\nfalse\necho two\n```\n\n```sh\necho three\n```\n'
  const { steps, failure } = await walkThrough(page, join(root, 'examples/01-first-backup'))
  expect(steps).toMatchObject([{ printed: 'one\n', expected: 'one' }, { printed: '' }])
  expect(failure).toMatch(/^line 10: exit code 1/)
})

test('outputs that differ in more than times, ids and sizes are told apart', () => {
  expect(comparable('a in 3 ms\nb: 0 B new')).toEqual(comparable('b:  1.2 KiB new\na in 1.5 s'))
  expect(comparable('vault: 2 points')).not.toEqual(comparable('vault: 3 points'))
  expect(comparable('0 packs removed')).not.toEqual(comparable('2 packs removed'))
  expect(comparable('web-verify-0a1b2c3d')).toEqual(comparable('web-verify-d3c2b1a0'))
  expect(comparable('ec1924cb #1 of set ec1924cb')).toEqual(comparable('0a1b2c3d #1 of set 0a1b2c3d'))
  expect(comparable('ec1924cb #1')).not.toEqual(comparable('ec1924cb #2'))
  expect(comparable('in 0 new chunks')).not.toEqual(comparable('in 2 new chunks'))
})
