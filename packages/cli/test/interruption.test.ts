import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { environmentOf, plainConfig, program, workplace } from './support/workplace.js'

/** Slow enough to be met in the middle. */
const slowConfig = plainConfig.replace('retention:', 'limits: { readRate: 256KiB }\n    retention:')

describe('a run that is asked to end', () => {
  test.each(['SIGINT', 'SIGTERM'] as const)(
    'stops on %s, holds nothing, and the repository goes on',
    async (signal) => {
      await using place = await workplace(slowConfig)
      await place.holdfast(['init'])
      const temporary = join(place.folder, 'temporary')
      await mkdir(temporary)
      const child = start(['run', '--json'], place.folder, { TMPDIR: temporary })
      await saying(child, 'disk-progress')
      child.kill(signal)
      const { exitCode, stdout, stderr } = await ended(child)
      expect(exitCode).toBe(1)
      expect(stderr).toMatch(new RegExp(`^holdfast: Stopped by ${signal}\\. \\[E_ABORTED\\]\n {2}try: `))
      expect(JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '')).toMatchObject({
        type: 'result',
        status: 'failed',
        error: { code: 'E_ABORTED' },
      })
      expect((await readdir(temporary)).filter((name) => name.startsWith('holdfast-'))).toEqual([])

      expect(JSON.parse((await place.holdfast(['list', '--json'])).stdout)).toEqual([])
      expect(await place.holdfast(['verify', '--read-data'])).toMatchObject({ exitCode: 0, stderr: '' })
      await writeFile(join(place.folder, 'holdfast.yaml'), plainConfig)
      await place.holdfast(['run'])
      expect(JSON.parse((await place.holdfast(['list', '--json'])).stdout)).toHaveLength(2)
    },
    60_000,
  )

  test('ends at once when it is asked twice', async () => {
    await using place = await workplace(slowConfig)
    await place.holdfast(['init'])
    const child = start(['run', '--json'], place.folder)
    await saying(child, 'disk-progress')
    child.kill('SIGINT')
    child.kill('SIGTERM')
    expect((await ended(child)).exitCode).toBe(1)
    expect(await place.holdfast(['verify', '--read-data'])).toMatchObject({ exitCode: 0 })
  })
})

describe('a reader that goes away', () => {
  test('stops the printing without a word', async () => {
    await using place = await workplace()
    await place.holdfast(['init'])
    await place.holdfast(['run'])
    const child = start(['list', '--json'], place.folder)
    child.stdout?.destroy()
    expect(await ended(child)).toMatchObject({ exitCode: 0, stderr: '' })
  })

  test('does not stop a backup', async () => {
    await using place = await workplace()
    await place.holdfast(['init'])
    const child = start(['run', '--json'], place.folder)
    child.stdout?.destroy()
    expect(await ended(child)).toMatchObject({ exitCode: 0, stderr: '' })
    expect(JSON.parse((await place.holdfast(['list', '--json'])).stdout)).toHaveLength(2)
  })
})

interface Ended {
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
}

const heard = new WeakMap<ChildProcess, { stdout: string; stderr: string }>()

function start(args: readonly string[], cwd: string, environment: Record<string, string> = {}): ChildProcess {
  const child = spawn(process.execPath, [program, ...args], { cwd, env: environmentOf(environment) })
  const said = { stdout: '', stderr: '' }
  heard.set(child, said)
  child.stdout.on('data', (data) => {
    said.stdout += data
  })
  child.stderr.on('data', (data) => {
    said.stderr += data
  })
  return child
}

async function saying(child: ChildProcess, text: string): Promise<void> {
  while (child.stdout !== null && !heard.get(child)?.stdout.includes(text)) await once(child.stdout, 'data')
}

async function ended(child: ChildProcess): Promise<Ended> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  if (child.stderr !== null && !child.stderr.readableEnded && !child.stderr.destroyed) await once(child.stderr, 'close')
  return { exitCode: child.exitCode, stdout: '', stderr: '', ...heard.get(child) }
}
