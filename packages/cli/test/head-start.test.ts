import { spawnSync } from 'node:child_process'
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { deriveKey, type KeyDerivation } from '@holdfast/core/key-derivation'
import { tempFolder } from 'holdfast-lab'
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { beginHeadStart, type HeadStart } from '../src/head-start.js'
import { encryptedConfig, workplace } from './support/workplace.js'

vi.mock('@holdfast/core/key-derivation', async (original) => {
  const actual = await original<typeof import('@holdfast/core/key-derivation')>()
  return { ...actual, deriveKey: vi.fn(actual.deriveKey) }
})

const cheap: KeyDerivation = { name: 'scrypt', N: 2, r: 8, p: 1, salt: 'AAECAwQFBgcICQoLDA0ODw==' }
const begun = vi.mocked(deriveKey)
let folder: string

vi.mock('node:os', async (original) => {
  const actual = await original<typeof import('node:os')>()
  return { ...actual, homedir: vi.fn(actual.homedir) }
})

beforeEach(() => {
  folder = tempFolder(onTestFinished).path
})

afterEach(() => {
  begun.mockClear()
})

function start(line: string, passphrase = 'correct horse', cwd = '/etc'): HeadStart {
  begun.mockClear()
  return beginHeadStart({
    args: line.split(' '),
    cwd: () => cwd,
    environment: { XDG_CACHE_HOME: folder, P: passphrase },
  })
}

/** What a command does that opens one key slot. */
async function finish(early: HeadStart, passphrase = 'correct horse', derivation = cheap): Promise<Uint8Array> {
  early.onSecret({ env: 'P' }, passphrase, '/etc')
  const key = await early.deriveKey(passphrase, derivation)
  early.leaveNote()
  return key
}

async function notes(): Promise<string[]> {
  const home = join(folder, 'holdfast', 'head-start')
  return (await readdir(home)).map((name) => join(home, name))
}

describe('a head start', () => {
  test('begins what the same command needed the last time, and only that', async () => {
    const key = await finish(start('run nightly -c site.yaml'))
    expect(begun).toHaveBeenCalledTimes(1)
    const second = start('run weekly --config=site.yaml')
    expect(begun).toHaveBeenCalledTimes(1)
    expect(await finish(second)).toEqual(key)
    expect(begun).toHaveBeenCalledTimes(1)
    for (const other of ['verify -c site.yaml', 'run -c other.yaml', 'run', 'run -c site.yaml --help', '--version']) {
      start(other)
      expect(begun, other).not.toHaveBeenCalled()
    }
    start('run -c site.yaml', 'correct horse', '/tmp')
    expect(begun).not.toHaveBeenCalled()
  })

  test('begins what init needed until a command has a note of its own, and forgets all when init runs again', async () => {
    await finish(start('init'))
    await finish(start('run'))
    expect(begun).toHaveBeenCalledTimes(1)
    const again = start('init')
    expect(begun).not.toHaveBeenCalled()
    const salt = Buffer.alloc(16, 9).toString('base64')
    await finish(again, 'correct horse', { ...cheap, salt })
    start('run')
    expect(begun.mock.calls.map(([, derivation]) => derivation.salt)).toEqual([salt])
  })

  test('changes no key, whatever it began', async () => {
    await finish(start('run'))
    const other = { ...cheap, salt: Buffer.alloc(16, 7).toString('base64') }
    const early = start('run')
    expect(await early.deriveKey('correct horse', other)).toEqual(await deriveKey('correct horse', other))
    expect(await early.deriveKey('another', cheap)).toEqual(await deriveKey('another', cheap))
    expect(await early.deriveKey('correct horse', { ...cheap, p: 2 })).not.toEqual(await finish(start('run')))
  })

  test('takes passphrases from files, and waits for no pipe', async () => {
    const file = join(folder, 'passphrase')
    await writeFile(file, 'from a file\n')
    const first = start('run')
    first.onSecret({ file: 'passphrase' }, 'from a file', folder)
    await first.deriveKey('from a file', cheap)
    first.leaveNote()
    start('run')
    expect(begun).toHaveBeenCalledExactlyOnceWith('from a file', cheap)
    await rm(file)
    expect(spawnSync('mkfifo', [file]).status).toBe(0)
    start('run')
    expect(begun).not.toHaveBeenCalled()
  })

  test('leaves notes without a secret, for their owner alone', async () => {
    await finish(start('run'))
    const [note = ''] = await notes()
    expect((await stat(note)).mode & 0o777).toBe(0o600)
    expect(await readFile(note, 'utf8')).not.toContain('correct horse')
  })

  test('leaves no note of passphrases that a command printed', async () => {
    const early = start('run')
    early.onSecret({ command: ['cat', 'passphrase'] }, 'printed', '/etc')
    await early.deriveKey('printed', cheap)
    early.leaveNote()
    expect(await readdir(folder)).toEqual([])
  })

  test.each([
    ['no JSON', '{"run":['],
    ['a list', '[1, 2]'],
    ['nothing', 'null'],
    ['slots that are none', '{"run":[null, 5, {"from":{"env":"P"}}]}'],
    ['gigabytes of memory', JSON.stringify({ run: [{ from: { env: 'P' }, derivation: { ...cheap, N: 2 ** 24 } }] })],
    ['hours of work', JSON.stringify({ run: [{ from: { env: 'P' }, derivation: { ...cheap, p: 2 ** 30 } }] })],
    ['a variable that is not set', JSON.stringify({ run: [{ from: { env: 'Q' }, derivation: cheap }] })],
    ['a megabyte', JSON.stringify({ run: [{ from: { env: 'P' }, derivation: cheap }], pad: ' '.repeat(2 ** 20) })],
  ])('ignores a note that holds %s', async (_, text) => {
    await finish(start('run'))
    const [note = ''] = await notes()
    await writeFile(note, text)
    const early = start('run')
    expect(begun).not.toHaveBeenCalled()
    await finish(early)
    start('run')
    expect(begun).toHaveBeenCalledTimes(1)
  })

  test.each(['/proc/nowhere', '/dev/null/cache'])('does without where no note can be left: %s', async (cache) => {
    const early = beginHeadStart({ args: ['run'], cwd: () => '/', environment: { XDG_CACHE_HOME: cache } })
    expect(await finish(early)).toEqual(await deriveKey('correct horse', cheap))
  })

  test.each(['constructor', 'toString', '__proto__'])('takes %s for a command like any other', (word) => {
    expect(() => start(word)).not.toThrow()
    expect(begun).not.toHaveBeenCalled()
  })

  test('does without in a working folder that is gone', async () => {
    const cwd = () => {
      throw Object.assign(new Error('uv_cwd'), { code: 'ENOENT' })
    }
    const early = beginHeadStart({ args: ['run'], cwd, environment: { XDG_CACHE_HOME: folder } })
    expect(await finish(early)).toEqual(await deriveKey('correct horse', cheap))
    expect(await readdir(folder)).toEqual([])
  })

  test('does without for a user who has no home', async () => {
    vi.mocked(homedir).mockImplementationOnce(() => {
      throw Object.assign(new Error('uv_os_homedir'), { code: 'ENOENT' })
    })
    const early = beginHeadStart({ args: ['run'], cwd: () => '/', environment: {} })
    expect(await finish(early)).toEqual(await deriveKey('correct horse', cheap))
  })
})

test('a note that is stale, broken or of another passphrase changes nothing but the time', async () => {
  await using place = await workplace(encryptedConfig)
  const run = (passphrase: string) => place.holdfast(['list'], { MARKER_PASSPHRASE: passphrase })
  await place.holdfast(['init'], { MARKER_PASSPHRASE: 'right' })
  expect((await run('right')).exitCode).toBe(0)
  const home = join(place.folder, '.cache', 'holdfast', 'head-start')
  const [name = ''] = await readdir(home)
  expect(Object.keys(JSON.parse(await readFile(join(home, name), 'utf8'))).sort()).toEqual(['init', 'list'])
  expect((await run('right')).exitCode).toBe(0)
  expect((await run('wrong')).stderr).toContain('E_KEY_WRONG')
  await writeFile(join(home, name), 'torn')
  expect((await run('right')).exitCode).toBe(0)
  await rm(join(home, name))
  await mkdir(join(home, name))
  expect((await run('right')).exitCode).toBe(0)
})
