import { readFile, writeFile } from 'node:fs/promises'
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
})
