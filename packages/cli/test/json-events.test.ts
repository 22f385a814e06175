import { describe, expect, test } from 'vitest'
import { jsonLines, plainConfig, workplace } from './support/workplace.js'

describe('--json', () => {
  test('run prints the documented events, one a line, and its report last', async () => {
    await using place = await workplace()
    const [made, ready] = jsonLines((await place.holdfast(['init', '--json'])).stdout)
    expect(made).toEqual({
      type: 'target-ready',
      target: 'vault',
      repository: expect.stringMatching(/^[0-9a-f]{32}$/),
      encrypted: false,
      created: true,
    })
    expect(ready).toMatchObject({ type: 'result', command: 'init', status: 'done', exitCode: 0 })

    const { stdout, stderr } = await place.holdfast(['run', 'nightly', '--json'])
    expect(stderr).toBe('')
    const events = jsonLines(stdout)
    const types = events.map(({ type }) => type)
    expect(types[0]).toBe('run-started')
    expect(types.at(-1)).toBe('result')
    const wanted = [
      'machine-started',
      'disk-started',
      'disk-finished',
      'point-committed',
      'machine-finished',
      'run-finished',
    ]
    expect(types).toEqual(expect.arrayContaining(wanted))
    expect(events.at(-1)).toMatchObject({
      type: 'result',
      command: 'run',
      status: 'done',
      exitCode: 0,
      pipelines: [
        {
          pipeline: 'nightly',
          status: 'done',
          machines: [{ machine: 'db', disks: [{ disk: 'data' }, { disk: 'root' }] }, { machine: 'web' }],
          targets: [
            { target: 'vault', status: 'done', storedBytes: expect.any(Number), newChunks: expect.any(Number) },
          ],
        },
      ],
    })
  })

  test('list prints an array of points', async () => {
    await using place = await workplace()
    await place.holdfast(['init'])
    expect(JSON.parse((await place.holdfast(['list', '--json'])).stdout)).toEqual([])
    await place.holdfast(['run'])
    const points = JSON.parse((await place.holdfast(['list', '--target', 'vault', '--json'])).stdout)
    expect(points).toHaveLength(2)
    expect(points.find(({ machine }: { machine: string }) => machine === 'db')).toEqual({
      id: expect.stringMatching(/^\d{8}T\d{6}Z-[0-9a-f]{12}$/),
      machine: 'db',
      machineId: 'db',
      target: 'vault',
      pipeline: 'nightly',
      takenAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      sizeBytes: 4 * 2 ** 20,
      readBytes: expect.any(Number),
      storedBytes: expect.any(Number),
      consistency: 'crash',
      held: false,
      verifications: [],
      disks: [
        { id: 'data', sizeBytes: 2 * 2 ** 20, readBytes: expect.any(Number), mode: 'full' },
        { id: 'root', sizeBytes: 2 * 2 ** 20, readBytes: expect.any(Number), mode: 'full' },
      ],
      unavailable: [],
    })
    const shown = JSON.parse((await place.holdfast(['show', 'db@latest', '--json'])).stdout)
    expect(shown).toMatchObject({ machine: 'db', targets: ['vault'], point: { format: 1, quiesce: [] } })
  })

  test('restore, verify and prune end with a result', async () => {
    await using place = await workplace()
    await place.holdfast(['init'])
    await place.holdfast(['run'])
    const last = async (...args: string[]) => jsonLines((await place.holdfast([...args, '--json'])).stdout).at(-1)
    expect(await last('restore', 'web@latest', '--to', 'out')).toMatchObject({
      type: 'result',
      command: 'restore',
      machine: 'web',
      target: 'vault',
      location: expect.stringMatching(/out\/web$/),
      disks: [{ disk: 'root', sizeBytes: 2 * 2 ** 20, writtenBytes: expect.any(Number) }],
    })
    expect(await last('verify', '--read-data')).toMatchObject({
      type: 'result',
      command: 'verify',
      targets: [{ target: 'vault', ok: true, damage: [], points: [{ ok: true }, { ok: true }] }],
    })
    expect(await last('prune', '--dry-run')).toMatchObject({
      type: 'result',
      command: 'prune',
      targets: [{ target: 'vault', dryRun: true, removedPoints: 0, decisions: [{ keep: true }, { keep: true }] }],
    })
  })

  test('plan, doctor and plugins print one document', async () => {
    await using place = await workplace()
    await place.holdfast(['init'])
    const [plan] = JSON.parse((await place.holdfast(['plan', '--json'])).stdout)
    expect(plan).toMatchObject({
      pipeline: 'nightly',
      source: 'image',
      machines: [{ name: 'db' }, { name: 'web' }],
      targets: [{ name: 'vault', transforms: ['zstd'], encrypted: false, repository: 'ready' }],
      problems: [],
    })
    const findings = JSON.parse((await place.holdfast(['doctor', '--json'])).stdout)
    expect(findings).toContainEqual({ subject: 'pipeline nightly', state: 'good', message: '2 machines selected' })
    const plugins = JSON.parse((await place.holdfast(['plugins', '--json'])).stdout)
    expect(plugins.map(({ kind, id }: { kind: string; id: string }) => `${kind} ${id}`)).toEqual([
      'source image',
      'transform zstd',
      'target disk',
    ])
  })

  test('a failure is the last line too, with its code and remedy, and on stderr for people', async () => {
    await using place = await workplace()
    const { stdout, stderr, exitCode } = await place.holdfast(['run', '--json'])
    expect(exitCode).toBe(1)
    expect(jsonLines(stdout).at(-1)).toMatchObject({
      type: 'result',
      command: 'run',
      status: 'failed',
      exitCode: 1,
      error: { code: 'E_REPOSITORY_NOT_FOUND', hint: expect.stringContaining('holdfast init') },
    })
    expect(stderr).toContain('[E_REPOSITORY_NOT_FOUND]')
  })

  test('freezing and thawing are events', async () => {
    const hook = `{ use: '@holdfast/quiesce-script', with: { freeze: [echo, consistency=filesystem], thaw: ['true'] } }`
    await using place = await workplace(plainConfig.replace('transforms:', `quiesce: [${hook}]\n    transforms:`))
    await place.holdfast(['init'])
    const events = jsonLines((await place.holdfast(['run', '--json'])).stdout)
    const frozen = { type: 'machine-frozen', machine: 'web', hook: 'script', consistency: 'filesystem' }
    expect(events).toContainEqual(frozen)
    expect(events).toContainEqual({
      type: 'machine-thawed',
      machine: 'web',
      hook: 'script',
      frozenMs: expect.any(Number),
    })
    expect(events.at(-1)).toMatchObject({ exitCode: 0 })
  })

  test('--quiet prints nothing when all is well, and errors when not', async () => {
    await using place = await workplace()
    expect((await place.holdfast(['run', '--quiet'])).stderr).toContain('[E_REPOSITORY_NOT_FOUND]')
    await place.holdfast(['init'])
    expect(await place.holdfast(['run', '-q'])).toEqual({ exitCode: 0, stdout: '', stderr: '' })
  })
})
