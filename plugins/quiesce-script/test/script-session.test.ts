import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { BackupError, MachineRef } from '@holdfast/core'
import { describe, expect, it } from 'vitest'
import { scriptQuiesce } from '../src/index.js'
import { call, folderWith, hookOf, machine, testContext } from './support/harness.js'

const errorOf = (promise: Promise<unknown>) =>
  promise.then(
    () => expect.unreachable('it should have failed'),
    (error: BackupError) => error,
  )

describe('freeze and thaw', () => {
  it('run the commands in the folder of the config, with the machine in the environment', async () => {
    const report =
      'printf "%s|%s|%s|%s\\n" "$HOLDFAST_PHASE" "$HOLDFAST_MACHINE_ID" "$HOLDFAST_MACHINE_NAME" "$PWD" >> log'
    const { session, folder, read } = await hookOf({ freeze: report, thaw: report })
    expect(await session.freeze(machine, call)).toEqual({ consistency: 'application' })
    await session.thaw(machine, call)
    const line = `id-1|db 1; rm -rf $HOME|${folder}`
    expect(await read('log')).toBe(`freeze|${line}\nthaw|${line}\n`)
  })

  it('pass arguments as they are, through no shell', async () => {
    const folder = await folderWith({ 'f.sh': 'printf "[%s]" "$@" > arguments' })
    const hook = scriptQuiesce({ freeze: ['./f.sh', 'a b', '$HOME', '*', ''], thaw: 'true' })
    const session = await hook.open(testContext(folder))
    await session.freeze(machine, call)
    expect(await readFile(join(folder, 'arguments'), 'utf8')).toBe('[a b][$HOME][*][]')
  })

  it('inherit PATH, HOME and LANG and nothing else, beside what the options give', async () => {
    process.env['NOT_FOR_SCRIPTS'] = 'x'
    const { session, read } = await hookOf(
      { freeze: 'env | cut -d= -f1 | sort > names; echo "$GREETING" > greeting' },
      { environment: { GREETING: 'hello' } },
    )
    await session.freeze(machine, call)
    delete process.env['NOT_FOR_SCRIPTS']
    const allowed = ['PATH', 'HOME', 'LANG'].filter((name) => process.env[name] !== undefined)
    // PWD, OLDPWD, SHLVL and _ are made by the shell itself.
    const names = (await read('names'))
      .trim()
      .split('\n')
      .filter((name) => !['PWD', 'OLDPWD', 'SHLVL', '_'].includes(name))
    expect(names).toEqual(
      [...allowed, 'GREETING', 'HOLDFAST_MACHINE_ID', 'HOLDFAST_MACHINE_NAME', 'HOLDFAST_PHASE'].sort(),
    )
    expect(await read('greeting')).toBe('hello\n')
  })

  it('run in the folder that the options name', async () => {
    const { session } = await hookOf({ freeze: 'pwd' }, { cwd: '/' })
    expect(await session.freeze(machine, call)).toMatchObject({ detail: '/' })
  })

  it('give the commands nothing to read', async () => {
    const { session } = await hookOf({ freeze: 'read line && exit 9; exit 0' })
    await session.freeze(machine, call)
  })

  it('thaw without a freeze before', async () => {
    const { session, read } = await hookOf({ thaw: 'echo thawed > log' })
    await session.thaw(machine, call)
    expect(await read('log')).toBe('thawed\n')
  })
})

describe('the consistency reached', () => {
  it.each(['application', 'filesystem', 'crash'] as const)('is what freeze prints: %s', async (consistency) => {
    const { session } = await hookOf({ freeze: `echo before; echo consistency=${consistency}; echo tables locked` })
    expect(await session.freeze(machine, call)).toEqual({ consistency, detail: 'tables locked' })
  })

  it('is found on a last line without line end, and before a flood of output', async () => {
    const last = await hookOf({ freeze: 'printf consistency=crash' })
    expect(await last.session.freeze(machine, call)).toEqual({ consistency: 'crash' })
    const early = await hookOf({
      freeze: 'echo consistency=filesystem; head -c 3000000 /dev/zero | tr "\\0" x; echo; echo done',
    })
    expect(await early.session.freeze(machine, call)).toEqual({ consistency: 'filesystem', detail: 'done' })
  })

  it('is found in output that comes a moment after the command has ended', async () => {
    const { session } = await hookOf({ freeze: '(sleep 0.05; echo consistency=crash) &' })
    expect(await session.freeze(machine, call)).toMatchObject({ consistency: 'crash' })
  })

  it('is not taken from the error output', async () => {
    const { session } = await hookOf({ freeze: 'echo consistency=crash >&2' })
    expect(await session.freeze(machine, call)).toEqual({ consistency: 'application' })
  })

  it('is what the options say when freeze prints none', async () => {
    const { session } = await hookOf({}, { consistency: 'filesystem' })
    expect(await session.freeze(machine, call)).toEqual({ consistency: 'filesystem' })
  })

  it('is never better than the options allow', async () => {
    const { session, context } = await hookOf({ freeze: 'echo consistency=application' }, { consistency: 'filesystem' })
    expect(await session.freeze(machine, call)).toEqual({ consistency: 'filesystem' })
    expect(context.logged).toEqual([expect.stringContaining('claims more')])
  })

  it('that is none fails the freeze', async () => {
    const { session } = await hookOf({ freeze: 'echo consistency=perfect' })
    await expect(session.freeze(machine, call)).rejects.toMatchObject({
      code: 'E_FREEZE',
      message: expect.stringContaining("'consistency=perfect'"),
    })
  })
})

describe('a command that fails', () => {
  it('says code and last line, and carries the end of its output', async () => {
    const { session, folder } = await hookOf({ freeze: 'echo locking; echo "no such database" >&2; exit 3' })
    const error = await errorOf(session.freeze(machine, call))
    expect(error).toMatchObject({
      code: 'E_FREEZE',
      retry: 'never',
      plugin: 'script',
      operation: 'quiesce.freeze',
      context: { machine: 'id-1', command: join(folder, 'freeze.sh'), exitCode: 3 },
    })
    expect(error.message).toContain('exit code 3: no such database.')
    expect(error.context['output']).toContain('locking')
    expect(error.hint).toBeDefined()
  })

  it('of thaw is E_THAW', async () => {
    const { session } = await hookOf({ thaw: 'exit 1' })
    await expect(session.thaw(machine, call)).rejects.toMatchObject({
      code: 'E_THAW',
      operation: 'quiesce.thaw',
      context: { exitCode: 1, output: '' },
    })
  })

  it('by a signal names the signal', async () => {
    const { session } = await hookOf({ freeze: 'kill -SEGV $$' })
    await expect(session.freeze(machine, call)).rejects.toMatchObject({
      code: 'E_FREEZE',
      context: { signal: 'SIGSEGV' },
    })
  })

  it('after 100 MB of output is reported with the last 8 KiB, in bounded memory', async () => {
    const { session } = await hookOf({ freeze: 'head -c 100000000 /dev/zero | tr "\\0" y; echo; echo the end; exit 4' })
    const before = process.memoryUsage.rss()
    const error = await errorOf(session.freeze(machine, call))
    expect(process.memoryUsage.rss() - before).toBeLessThan(80_000_000)
    const output = String(error.context['output'])
    expect(output.length).toBeLessThanOrEqual(8192)
    expect(output.length).toBeGreaterThan(8000)
    expect(output).toMatch(/y\nthe end$/)
    expect(error.message).toContain('exit code 4: the end.')
  })

  it('shows neither secrets nor escape sequences', async () => {
    const { session } = await hookOf(
      { freeze: 'printf "\\033[31mlogin with %s refused\\033[0m\\007\\n" "$PASSWORD"; exit 1' },
      { environment: { PASSWORD: { env: 'DB_PASSWORD' } } },
    )
    const error = await errorOf(session.freeze(machine, call))
    expect(error.context['output']).toBe('login with [secret] refused')
    expect(JSON.stringify([error.message, error.context])).not.toContain('hunter2')
  })

  it('whose program vanished after opening is reported, not thrown raw', async () => {
    const { session, folder } = await hookOf({})
    await rm(join(folder, 'freeze.sh'))
    await expect(session.freeze(machine, call)).rejects.toMatchObject({
      code: 'E_FREEZE',
      cause: { code: 'ENOENT' },
      message: expect.stringContaining('could not be started'),
    })
  })

  it('whose folder or interpreter is missing is reported with a hint', async () => {
    const { session } = await hookOf({}, { cwd: './not-there' })
    await expect(session.thaw(machine, call)).rejects.toMatchObject({
      code: 'E_THAW',
      cause: { code: 'ENOENT' },
      hint: expect.stringContaining('folder'),
    })
  })

  it('for a machine whose name no program can take is reported', async () => {
    const { session } = await hookOf({})
    const odd: MachineRef = { ...machine, name: 'a\0b' }
    await expect(session.freeze(odd, call)).rejects.toMatchObject({ code: 'E_FREEZE' })
  })
})
