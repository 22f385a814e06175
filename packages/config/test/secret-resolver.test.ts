import { chmod, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { isBackupError, type SecretReference } from '@holdfast/core'
import { tempFolder } from 'holdfast-lab'
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { createSecretResolver } from '../src/index.js'

const secret = 'hunter2 with spaces'
const { signal } = new AbortController()
let baseDir: string

beforeEach(() => {
  baseDir = tempFolder(onTestFinished).path
})

function resolver(environment: Record<string, string | undefined> = {}, commandTimeoutMs?: number) {
  return createSecretResolver({ baseDir, environment, ...(commandTimeoutMs !== undefined && { commandTimeoutMs }) })
}

async function reveal(reference: SecretReference, environment?: Record<string, string>): Promise<string> {
  return (await resolver(environment)(reference, { signal })).reveal()
}

async function refused(
  reference: SecretReference,
  environment?: Record<string, string>,
  commandTimeoutMs?: number,
): Promise<string> {
  const error: unknown = await resolver(environment, commandTimeoutMs)(reference, { signal }).catch(
    (reason: unknown) => reason,
  )
  if (!isBackupError(error)) throw error
  // Neither the error nor anything it holds may show the secret.
  expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('hunter2')
  return `${error.code}: ${error.message} → ${error.hint}`.replaceAll(baseDir, 'FOLDER')
}

function node(script: string): SecretReference {
  return { command: [process.execPath, '-e', script] }
}

/** Says which process it is, and never ends by itself within the time of a test. */
const hanging = `require('fs').writeFileSync('pid', String(process.pid)); setTimeout(() => {}, 30_000)`

async function startedPid(): Promise<number> {
  const pid = Number(await readFile(join(baseDir, 'pid'), 'utf8'))
  expect(pid).toBeGreaterThan(1)
  return pid
}

async function expectEnded(): Promise<void> {
  const pid = await startedPid()
  await vi.waitFor(() => expect(() => process.kill(pid, 0)).toThrow(), 5000)
}

describe('a secret from the environment', () => {
  it('is what the variable holds, word for word', async () => {
    expect(await reveal({ env: 'PASS' }, { PASS: `${secret}\n` })).toBe(`${secret}\n`)
  })

  it('prints as [secret]', async () => {
    const value = await resolver({ PASS: secret })({ env: 'PASS' }, { signal })
    expect(`${value} ${JSON.stringify({ value })} ${inspect({ value })}`).not.toContain('hunter2')
  })

  it('is read anew each time', async () => {
    const environment: Record<string, string> = { PASS: 'old' }
    const resolve = resolver(environment)
    expect((await resolve({ env: 'PASS' }, { signal })).reveal()).toBe('old')
    environment['PASS'] = 'new'
    expect((await resolve({ env: 'PASS' }, { signal })).reveal()).toBe('new')
  })

  it('must be set, and not empty', async () => {
    expect(await refused({ env: 'PASS' })).toMatchInlineSnapshot(
      `"E_SECRET: The environment variable PASS is not set. → Set PASS to the secret before the start."`,
    )
    expect(await refused({ env: 'PASS' }, { PASS: '' })).toMatchInlineSnapshot(
      `"E_SECRET: The environment variable PASS is empty. → Set PASS to the secret before the start."`,
    )
    expect(await refused({ env: 'toString' })).toContain('is not set')
  })
})

describe('a secret from a file', () => {
  it.each([
    ['without a line end', secret],
    ['with a line end', `${secret}\n`],
    ['with a Windows line end', `${secret}\r\n`],
  ])('%s is its text', async (_case, content) => {
    await writeFile(join(baseDir, 'pass'), content, { mode: 0o644 })
    expect(await reveal({ file: 'pass' })).toBe(secret)
    expect(await reveal({ file: join(baseDir, 'pass') })).toBe(secret)
  })

  it('loses one line end only', async () => {
    await writeFile(join(baseDir, 'pass'), ` ${secret} \n\n`)
    expect(await reveal({ file: './pass' })).toBe(` ${secret} \n`)
  })

  it('may be reached through a symbolic link', async () => {
    await writeFile(join(baseDir, 'pass'), secret)
    await symlink('pass', join(baseDir, 'link'))
    expect(await reveal({ file: 'link' })).toBe(secret)
  })

  it.each([0o620, 0o602])('of mode %o is refused, since others may change it', async (mode) => {
    await writeFile(join(baseDir, 'pass'), secret)
    await chmod(join(baseDir, 'pass'), mode)
    expect(await refused({ file: 'pass' })).toBe(
      'E_SECRET: The secret file FOLDER/pass can be written by others than its owner. → Run chmod go-w FOLDER/pass',
    )
  })

  it('must be there, a file, text, and not empty', async () => {
    await writeFile(join(baseDir, 'empty'), '\n')
    await writeFile(join(baseDir, 'binary'), new Uint8Array([0xff, 0xfe]))
    await writeFile(join(baseDir, 'large'), 'x'.repeat(70_000))
    expect(await refused({ file: 'none' })).toMatchInlineSnapshot(
      `"E_SECRET: The secret file FOLDER/none does not exist. → Create it, or mend the path; relative ones start at the folder of the configuration."`,
    )
    expect(await refused({ file: '.' })).toMatchInlineSnapshot(
      `"E_SECRET: The secret file FOLDER is not a file. → Put the secret into a plain file."`,
    )
    expect(await refused({ file: 'empty' })).toMatchInlineSnapshot(
      `"E_SECRET: The secret file FOLDER/empty gives nothing. → An empty secret protects nothing."`,
    )
    expect(await refused({ file: 'binary' })).toMatchInlineSnapshot(
      `"E_SECRET: The secret file FOLDER/binary gives no UTF-8 text. → Secrets are text; encode binary ones, as base64."`,
    )
    expect(await refused({ file: 'large' })).toMatchInlineSnapshot(
      `"E_SECRET: The secret file FOLDER/large is larger than 64 KiB. → Check that this is the right file."`,
    )
  })
})

describe('a secret from a command', () => {
  it('is the one line that it prints', async () => {
    expect(await reveal(node(`console.log('${secret}')`))).toBe(secret)
  })

  it('runs without a shell, in the folder of the configuration, with the given environment', async () => {
    const script = 'process.stdout.write([process.argv[1], process.cwd(), process.env.HELLO].join("|"))'
    const text = await reveal({ command: [process.execPath, '-e', script, '$HOME; echo `id`'] }, { HELLO: 'world' })
    expect(text.replace(/\|.*\//, '|')).toBe(`$HOME; echo \`id\`|${baseDir.split('/').at(-1)}|world`)
  })

  it('may be a program beside the configuration', async () => {
    await writeFile(join(baseDir, 'give'), '#!/bin/sh\necho hunter2\n', { mode: 0o755 })
    expect(await reveal({ command: ['./give'] })).toBe('hunter2')
  })

  it('that fails is named without what it printed', async () => {
    const script = `console.log('${secret}'); console.error('${secret}'); process.exit(3)`
    const text = await refused(node(script))
    expect(text.replaceAll(process.execPath, 'NODE')).toMatchInlineSnapshot(
      `"E_SECRET: The secret command NODE failed (exit code 3). → Run it by hand to see why; what it prints is not shown here."`,
    )
  })

  it('that is not there is named', async () => {
    expect(await refused({ command: ['./no-such-program'] })).toMatchInlineSnapshot(
      `"E_SECRET: The secret command ./no-such-program is not there. → Give the path of a program that this user may run."`,
    )
  })

  it('may print one line only, and not nothing, and not endlessly', async () => {
    const ends = async (script: string) => (await refused(node(script))).replaceAll(process.execPath, 'NODE')
    expect(await ends(`console.log('a'); console.log('hunter2')`)).toMatchInlineSnapshot(
      `"E_SECRET: The secret command NODE prints more than one line. → It must print the secret alone, on one line."`,
    )
    expect(await ends('')).toMatchInlineSnapshot(
      `"E_SECRET: The secret command NODE gives nothing. → An empty secret protects nothing."`,
    )
    expect(await ends(`setInterval(() => process.stdout.write('x'.repeat(10000)))`)).toMatchInlineSnapshot(
      `"E_SECRET: The secret command NODE prints more than 64 KiB. → It must print the secret alone."`,
    )
  })

  it('that hangs is killed after the time it has', async () => {
    const started = Date.now()
    const text = await refused(node(hanging), {}, 1000)
    expect(text.replaceAll(process.execPath, 'NODE')).toMatchInlineSnapshot(
      `"E_SECRET: The secret command NODE did not end within 1 s. → It must print the secret without asking anyone."`,
    )
    expect(Date.now() - started).toBeLessThan(5000)
    await expectEnded()
  })

  it('is killed when the caller aborts', async () => {
    const controller = new AbortController()
    const reason = new Error('enough')
    const pending = resolver()(node(hanging), { signal: controller.signal })
    await vi.waitFor(startedPid, 5000)
    controller.abort(reason)
    await expect(pending).rejects.toBe(reason)
    await expectEnded()
  })
})

describe('what is no reference', () => {
  it.each([
    ['a plain text', 'hunter2'],
    ['nothing', undefined],
    ['two references', { env: 'A', file: 'hunter2' }],
    ['an unknown one', { vault: 'hunter2' }],
    ['a command as text', { command: 'hunter2' }],
    ['an empty command', { command: [] }],
    ['an empty name', { env: '' }],
  ])('%s is refused and not shown', async (_case, reference) => {
    // Callers in plain JavaScript can pass anything.
    const error: unknown = await Reflect.apply(resolver(), undefined, [reference, { signal }]).catch(
      (reason: unknown) => reason,
    )
    expect(isBackupError(error) && error.code).toBe('E_CONFIG')
    expect(inspect(error, { depth: 9 })).not.toContain('hunter2')
  })
})
