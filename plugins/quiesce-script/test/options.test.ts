import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BackupError } from '@holdfast/core'
import { describe, expect, it } from 'vitest'
import { plugin, type ScriptQuiesceOptions, scriptQuiesce } from '../src/index.js'
import { folderWith, testContext } from './support/harness.js'

const both = { freeze: 'true', thaw: 'true' }
const wrong: readonly [unknown, string][] = [
  [{}, 'freeze: expected a program'],
  [{ freeze: 'true' }, 'thaw: expected a program'],
  [{ ...both, freeze: '' }, 'freeze: '],
  [{ ...both, freeze: [] }, 'freeze: expected a program, or a list'],
  [{ ...both, freeze: ['x', 5] }, 'freeze: expected a program, or a list'],
  [{ ...both, timeout: 30 }, 'timeout: expected a duration such as 30s'],
  [{ ...both, timeout: '30 parsecs' }, "timeout: '30 parsecs' is not a duration. Write a number and a unit"],
  [{ ...both, timeout: '0s' }, "timeout: '0s' is not between 1ms and 24h"],
  [{ ...both, maxFreeze: '2d' }, "maxFreeze: '2d' is not between"],
  [{ ...both, consistency: 'perfect' }, 'consistency: '],
  [{ ...both, environment: { PORT: 5432 } }, 'put numbers in quotes'],
  [{ ...both, environment: { 'A=B': 'x' } }, 'environment.A=B: a variable is named'],
  [{ ...both, environment: { HOLDFAST_PHASE: 'x' } }, 'set by Holdfast itself'],
  [{ ...both, environment: { A: 'x\0y' } }, 'environment.A: '],
  [{ ...both, freze: 'x' }, 'freze'],
]

describe('wrong options', () => {
  it.each(wrong)('%j are refused, naming the option', (options, message) => {
    expect(() => scriptQuiesce(options as ScriptQuiesceOptions)).toThrow(
      expect.objectContaining({
        code: 'E_CONFIG',
        message: expect.stringContaining(message),
        hint: expect.any(String),
      }),
    )
  })
})

describe('the plugin', () => {
  it('is found and made by a config', async () => {
    const result = await plugin.options['~standard'].validate({
      ...both,
      timeout: '5s',
      environment: { A: { env: 'B' } },
    })
    if (result.issues !== undefined) throw new Error('refused')
    expect(plugin.create(result.value)).toMatchObject({ kind: 'quiesce', id: 'script', apiVersion: 1 })
    expect(plugin.options['~standard'].jsonSchema?.input({ target: 'draft-2020-12' })).toMatchObject({
      required: ['freeze', 'thaw'],
    })
  })

  it('declares what its options say', () => {
    expect(scriptQuiesce(both).capabilities).toEqual({
      channel: 'host',
      consistency: 'application',
      maxFreezeMs: 60_000,
      inspect: false,
    })
    expect(scriptQuiesce({ ...both, consistency: 'filesystem', maxFreeze: '5m' }).capabilities).toEqual({
      channel: 'host',
      consistency: 'filesystem',
      maxFreezeMs: 300_000,
      inspect: false,
    })
  })
})

describe('open', () => {
  const open = (folder: string, options: Partial<ScriptQuiesceOptions>) =>
    scriptQuiesce({ ...both, ...options }).open(testContext(folder))

  it('refuses a program that is missing, before anything is frozen', async () => {
    const folder = await folderWith({})
    await expect(open(folder, { thaw: './thaw.sh' })).rejects.toMatchObject({
      code: 'E_CONFIG',
      context: { option: 'thaw' },
      message: expect.stringContaining(`${join(folder, 'thaw.sh')} does not exist`),
    })
    await expect(open(folder, { freeze: 'no-such-program' })).rejects.toMatchObject({
      code: 'E_CONFIG',
      message: expect.stringContaining('in PATH'),
    })
  })

  it('explains that commands are not split at spaces', async () => {
    const folder = await folderWith({ 'f.sh': 'true' })
    await expect(open(folder, { freeze: './f.sh --now' })).rejects.toMatchObject({
      code: 'E_CONFIG',
      hint: expect.stringContaining('write a list'),
    })
  })

  it('refuses a program that is not executable, or a folder', async () => {
    const folder = await folderWith({ 'f.sh': 'true' })
    await chmod(join(folder, 'f.sh'), 0o600)
    await expect(open(folder, { freeze: './f.sh' })).rejects.toMatchObject({
      code: 'E_CONFIG',
      hint: expect.stringContaining('chmod +x'),
    })
    await mkdir(join(folder, 'sub'))
    await expect(open(folder, { freeze: './sub' })).rejects.toMatchObject({ code: 'E_CONFIG' })
    await writeFile(join(folder, 'file'), '')
    await expect(open(folder, { freeze: './file/x' })).rejects.toMatchObject({ code: 'E_CONFIG' })
  })

  it('fails when a secret cannot be had, before anything is frozen', async () => {
    const folder = await folderWith({})
    const resolveSecret = () => Promise.reject(new BackupError('E_SECRET', 'no such variable'))
    const hook = scriptQuiesce({ ...both, environment: { A: { env: 'NOT_SET' } } })
    await expect(hook.open(testContext(folder, { resolveSecret }))).rejects.toMatchObject({ code: 'E_SECRET' })
  })
})
