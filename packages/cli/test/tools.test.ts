import { existsSync } from 'node:fs'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { jsonLines, plainConfig, workplace } from './support/workplace.js'

describe('completion', () => {
  test.each(['bash', 'zsh', 'fish', 'powershell'])('prints a script for %s', async (shell) => {
    await using place = await workplace()
    const { exitCode, stdout, stderr } = await place.holdfast(['completion', shell])
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
    expect(stdout).toMatch(/holdfast complete '?--/)
  })

  test('suggests commands and options', async () => {
    await using place = await workplace()
    const commands = (await place.holdfast(['complete', '--', 're'])).stdout
      .split('\n')
      .map((line) => line.split('\t')[0])
    expect(commands).toEqual(expect.arrayContaining(['restore', 'repair']))
    expect(commands).not.toContain('list')
    const options = (await place.holdfast(['complete', '--', 'verify', '--re'])).stdout
    expect(options).toContain('--read-data')
  })
})

describe('conformance', () => {
  test('holds a target of the configuration to the contract and writes a JUnit report', async () => {
    await using place = await workplace()
    const args = ['conformance', 'target', 'vault', '--only', 'target/stat', '--junit', 'report.xml']
    const { exitCode, stdout } = await place.holdfast(args)
    expect(exitCode).toBe(0)
    expect(stdout).toMatch(/ok {3}target\/stat\/missing: .*\n\n2 passed, 0 failed, 0 not applicable\n$/s)
    expect(await readFile(join(place.folder, 'report.xml'), 'utf8')).toContain(
      '<testsuites name="holdfast conformance" tests="2"',
    )
  })

  test('ends with 1 for a plugin that breaks it, naming the check', async () => {
    await using place = await workplace()
    await writeFile(
      join(place.folder, 'forgetful.mjs'),
      `import { memoryTarget } from '@holdfast/testkit/memory'
       import { wrapTarget } from '@holdfast/core'
       export const forgetful = () => wrapTarget(memoryTarget(), (session) => ({ ...session, stat: async () => undefined }))`,
    )
    const args = ['conformance', 'target', './forgetful.mjs#forgetful', '--only', 'target/stat', '--json']
    const { exitCode, stdout } = await place.holdfast(args)
    expect(exitCode).toBe(1)
    const events = jsonLines(stdout)
    expect(events).toContainEqual(
      expect.objectContaining({ type: 'check', id: 'target/stat/describes', status: 'failed' }),
    )
    expect(events.at(-1)).toMatchObject({ type: 'result', command: 'conformance', status: 'failed' })
  })
})

describe('several pipelines', () => {
  const two = `${plainConfig}  other:
    source: { use: '@holdfast/source-image', with: { path: ./nowhere } }
    targets: [vault]
`

  test('run one after the other; one that fails leaves the other, and the whole is partial', async () => {
    await using place = await workplace(two)
    await place.holdfast(['init'])
    const { exitCode, stdout, stderr } = await place.holdfast(['run'])
    expect(exitCode).toBe(3)
    expect(stdout).toContain('nightly: done in')
    expect(stderr).toContain('[E_SOURCE_UNAVAILABLE]')
    expect(await place.holdfast(['run', 'other'])).toMatchObject({ exitCode: 1 })
    expect(await place.holdfast(['run', 'nightly'])).toMatchObject({ exitCode: 0 })
  })

  test('doctor finds what is wrong and says what to do', async () => {
    await using place = await workplace(two.replace('retention:', 'objectives: { rpo: 1h }\n    retention:'))
    await place.holdfast(['init'])
    const { exitCode, stdout } = await place.holdfast(['doctor'])
    expect(exitCode).toBe(1)
    expect(stdout).toMatch(/^BAD {2}pipeline other: .*\n {7}try: /m)
    expect(stdout).toMatch(/^warn pipeline nightly: web has no point on vault; the objective is 1h 00m$/m)
  })

  test('doctor finds machines that stand frozen, and thaws them when it is told to', async () => {
    const hooked = plainConfig.replace('transforms:', "quiesce: [{ use: './hook.mjs', with: {} }]\n    transforms:")
    await using place = await workplace(hooked)
    await writeFile(join(place.folder, 'hook.mjs'), lookingHook)
    await place.holdfast(['init'])
    expect((await place.holdfast(['doctor'])).stdout).toContain(
      'ok   pipeline nightly, hook looking: 2 machines not frozen',
    )

    await writeFile(join(place.folder, 'web.frozen'), '')
    await writeFile(join(place.folder, 'db.broken'), '')
    const found = await place.holdfast(['doctor'])
    expect(found.exitCode).toBe(1)
    expect(found.stdout).toMatch(/^BAD {2}pipeline nightly, hook looking: web is frozen: .*\n {7}try: .*doctor --thaw/m)
    expect(found.stdout).toMatch(
      /^BAD {2}pipeline nightly, hook looking: db cannot be looked at\.\n {7}try: Look closer\.$/m,
    )
    expect(existsSync(join(place.folder, 'web.frozen'))).toBe(true)

    await rm(join(place.folder, 'db.broken'))
    const thawed = await place.holdfast(['doctor', '--thaw', '--json'])
    expect(thawed.exitCode).toBe(0)
    expect(JSON.parse(thawed.stdout)).toContainEqual({
      subject: 'pipeline nightly, hook looking',
      state: 'warning',
      message: 'web was frozen, and is thawed now',
    })
    expect(existsSync(join(place.folder, 'web.frozen'))).toBe(false)
  })
})

/** A hook for which a file in the folder says that a machine is frozen, or that nobody can tell. */
const lookingHook = `
import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { BackupError, defineQuiesce } from '@holdfast/core'
const open = async () => ({
  freeze: async () => ({ consistency: 'filesystem' }),
  thaw: ({ name }) => rm(name + '.frozen', { force: true }),
  inspect: async ({ name }) => {
    if (existsSync(name + '.broken')) throw new BackupError('E_FREEZE', name + ' cannot be looked at.', { hint: 'Look closer.' })
    return existsSync(name + '.frozen') ? 'frozen' : 'thawed'
  },
  [Symbol.asyncDispose]: async () => undefined,
})
const options = { '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value }) } }
const create = () => defineQuiesce({ id: 'looking', capabilities: { inspect: true }, open })
export const plugin = { kind: 'quiesce', id: 'looking', options, create }
`
