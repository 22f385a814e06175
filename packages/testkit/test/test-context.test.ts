import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { tempFolder } from 'holdfast-lab'
import { afterAll, expect, test, vi } from 'vitest'
import { testContext } from '../src/index.js'

const call = { signal: new AbortController().signal }
const { path: folder } = tempFolder(afterAll)

test('randomness repeats with a seed and does not without', () => {
  const draw = (seed?: number): string => {
    const context = testContext({ tempDir: folder, ...(seed === undefined ? {} : { seed }) })
    return [context.randomBytes(16), context.randomBytes(16)]
      .map((bytes) => Buffer.from(bytes).toString('hex'))
      .join(' ')
  }
  expect(draw(1)).toBe(draw(1))
  expect(draw(1)).not.toBe(draw(2))
  expect(draw()).not.toBe(draw())
  expect(new Set(draw(1).split(' ')).size).toBe(2)
})

test('secrets come from the environment, a file or a command', async () => {
  const context = testContext({ tempDir: folder })
  vi.stubEnv('HOLDFAST_TEST_SECRET', 'from env')
  await writeFile(join(folder, 'secret'), 'from file\n')
  const references = [
    { env: 'HOLDFAST_TEST_SECRET' },
    { file: join(folder, 'secret') },
    { command: ['echo', 'from command'] },
  ] as const
  const secrets = await Promise.all(references.map((reference) => context.resolveSecret(reference, call)))
  expect(secrets.map((secret) => secret.reveal())).toEqual(['from env', 'from file', 'from command'])
  vi.unstubAllEnvs()
  await expect(context.resolveSecret({ env: 'HOLDFAST_TEST_SECRET' }, call)).rejects.toMatchObject({ code: 'E_SECRET' })
})

test('sleeping ends at once with the reason of an abort', async () => {
  const abort = new AbortController()
  const sleeping = testContext({ tempDir: folder }).clock.sleep(60_000, { signal: abort.signal })
  const reason = new Error('enough')
  abort.abort(reason)
  await expect(sleeping).rejects.toBe(reason)
})
