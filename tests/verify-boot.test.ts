import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type BootWorkplace, bootWorkplace } from './support/boot-workplace.js'

const login = ['--probe', 'serial:login:']
const point = '\\d{8}T\\d{6}Z-[0-9a-f]{12}'

describe('holdfast verify --boot', () => {
  let place: BootWorkplace
  beforeAll(async () => {
    place = await bootWorkplace()
  }, 60_000)
  afterAll(() => place[Symbol.asyncDispose]())

  const evidenceIn = async (target: string) => {
    const names = await readdir(join(place.folder, target, 'verified'), { recursive: true }).catch(() => [])
    return names.filter((name) => name.split('/').length === 3)
  }

  test('boots a point, says what it saw, keeps the evidence on the target that it read, and leaves nothing', async () => {
    const { holdfast, leftBehind } = place
    const { exitCode, stdout, stderr } = await holdfast(
      'verify',
      '--boot',
      'web@latest',
      ...login,
      '--target',
      'offsite',
    )
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
    expect(stdout).toMatch(/^web: booting as web-verify-[0-9a-f]{8} on booting-images, waiting for serial 'login:'$/m)
    const times = '\\(disks read through an overlay, boot .*\\)'
    expect(stdout).toMatch(new RegExp(`^web: ${point} on offsite boots on booting-images: up after .* ${times}$`, 'm'))
    expect(stdout).toMatch(/^ {2}serial 'login:' saw: memory login:$/m)
    const [, note = ''] = /^ {2}evidence: verified\/(.*)$/m.exec(stdout) ?? []
    expect(await evidenceIn('offsite')).toEqual([note])
    expect(await evidenceIn('vault')).toEqual([])
    expect(await leftBehind()).toEqual([])
    expect(await place.temporary()).toEqual([])

    const listed = await holdfast('list', '--machine', 'web', '--target', 'offsite')
    expect(listed.stdout).toMatch(/crash, boot ok \d+(\.\d+)? m?s$/m)
    expect((await holdfast('list', '--machine', 'web', '--target', 'vault')).stdout).not.toContain('boot')
    const shown = (await holdfast('show', 'web@latest', '--target', 'offsite')).stdout
    expect(shown).toMatch(new RegExp(`^boot: +.*Z: ok on booting-images, by .*@${hostname()}, holdfast \\d`, 'm'))
    expect(shown).toMatch(/^ +serial 'login:', up to 2m 00s$/m)
    expect(shown).toMatch(/^ +\| memory login:$/m)
    expect(shown).toMatch(/^ +all it saw has SHA-256 [0-9a-f]{64}$/m)
    expect(shown).not.toMatch(/[^\n\P{Cc}]/u)
  })

  test('exits with 1 for a point that does not boot, says why, and keeps that too', async () => {
    const args = ['verify', '--boot', 'db@latest', ...login, '--boot-timeout', '300ms']
    const { exitCode, stdout, stderr } = await place.holdfast(...args)
    expect(exitCode).toBe(1)
    expect(stderr).toMatch(new RegExp(`^holdfast: db: ${point} on vault does not boot on booting-images: `, 'm'))
    expect(stderr).toMatch(/did not come up within 0\.3 s\. .* \[E_BOOT\]\n {2}Booting .*\n {2}No bootable device\.$/m)
    expect(stderr).toMatch(/^ {2}try: See 'holdfast show .*'/m)
    expect(stdout).toMatch(/^ {2}evidence: verified\//m)
    expect(await place.leftBehind()).toEqual([])
    expect(await place.temporary()).toEqual([])
    expect((await place.holdfast('list', '--machine', 'db', '--target', 'vault')).stdout).toMatch(/boot failed$/m)
    const shown = (await place.holdfast('show', 'db@latest')).stdout
    expect(shown).toMatch(/^boot: +.*: failed on booting-images/m)
    expect(shown).toMatch(/^ +\| E_BOOT: .*did not come up within 0\.3 s/m)
  })

  test('prints events, and evidence in its result', async () => {
    const { stdout } = await place.holdfast('verify', '--boot', 'web@latest', '--probe', 'command:echo up', '--json')
    const events: readonly Record<string, unknown>[] = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(events.map(({ type }) => type)).toEqual(['boot-started', 'boot-finished', 'result'])
    expect(events.at(-1)).toMatchObject({
      type: 'result',
      command: 'verify',
      status: 'done',
      exitCode: 0,
      points: [
        {
          target: 'vault',
          machine: 'web',
          pipeline: 'nightly',
          passed: true,
          note: expect.stringMatching(/^verified\//),
          evidence: {
            probe: { kind: 'command', command: 'echo up', timeoutMs: 120_000 },
            output: 'up',
            disks: 'overlay',
          },
        },
      ],
    })
    const [listed] = JSON.parse(
      (await place.holdfast('list', '--machine', 'web', '--target', 'vault', '--json')).stdout,
    )
    expect(listed.verifications.at(-1)).toMatchObject({ level: 'boot', passed: true, output: 'up' })
    expect((await place.holdfast('verify', '--boot', 'web@latest', '--on', 'lab')).exitCode).toBe(1)
    const newest = await place.holdfast('list', '--machine', 'web', '--target', 'vault')
    expect(newest.stdout).toMatch(/boot failed$/m)
  })

  test('a machine that is not up when the program is stopped leaves nothing, and no evidence', async () => {
    const before = await evidenceIn('vault')
    await rm(join(place.folder, 'left-behind.json'), { force: true })
    const { child, ended } = place.start('verify', '--boot', 'web@latest', '--probe', 'serial:never')
    await new Promise<void>((resolve) => child.stdout?.on('data', (text) => /booting as/.test(`${text}`) && resolve()))
    const [folder = ''] = await place.temporary()
    expect(await readdir(join(place.folder, 'temporary', folder))).toEqual(['nbd.sock'])
    child.kill('SIGTERM')
    const { exitCode, stderr } = await ended
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('[E_ABORTED]') })
    expect(await place.leftBehind()).toEqual([])
    expect(await place.temporary()).toEqual([])
    expect(await evidenceIn('vault')).toEqual(before)
  })

  test('evidence that was tampered with is named, and shown for nothing', async () => {
    const [note = ''] = await evidenceIn('offsite')
    const file = join(place.folder, 'offsite/verified', note)
    const kept = await readFile(file)
    await rm(file)
    await writeFile(file, Buffer.from(kept.toString('latin1').replace('"passed":true', '"passed":null'), 'latin1'))
    const { exitCode, stdout, stderr } = await place.holdfast('list', '--machine', 'web', '--target', 'offsite')
    expect(exitCode).toBe(3)
    expect(stderr).toContain(`verified/${note}`)
    expect(stderr).toContain('[E_DAMAGED]')
    expect(stdout).not.toContain('boot')
    expect((await place.holdfast('verify', '--boot', 'web@latest', ...login, '--target', 'offsite')).exitCode).toBe(3)
    await rm(file)
    await writeFile(file, kept)
  })

  test.each([
    ['with --restore', ['--restore']],
    ['on a source that takes no exports', ['--on', 'bare']],
    ['from a target that reads objects as a whole', ['-c', 'whole.config.mjs']],
  ])('%s the disks are restored first', async (_, more) => {
    await writeFile(
      join(place.folder, 'whole.config.mjs'),
      `import config from './holdfast.config.mjs'
const { vault } = config.targets
const { nightly } = config.pipelines
const capabilities = { ...vault.capabilities, rangeRead: false }
export default { targets: { vault: { ...vault, capabilities } }, pipelines: { nightly: { ...nightly, targets: ['vault'] } } }
`,
    )
    const { stdout } = await place.holdfast('verify', '--boot', 'web@latest', ...login, ...more, '--json')
    const events: readonly Record<string, unknown>[] = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(events.map(({ type }) => type)).toContain('disk-started')
    expect(events.at(-1)).toMatchObject({ exitCode: 0, points: [{ evidence: { passed: true, disks: 'restored' } }] })
    expect(await place.temporary()).toEqual([])
  })

  test.each([
    ['a point without --boot', ['verify', 'web@latest'], 'E_USAGE'],
    ['a probe without --boot', ['verify', ...login], 'E_USAGE'],
    ['to restore without --boot', ['verify', '--restore'], 'E_USAGE'],
    ['data and boot at once', ['verify', '--boot', '--read-data', ...login], 'E_USAGE'],
    ['no probe at all', ['verify', '--boot', 'web@latest'], 'E_USAGE'],
    ['a point and a machine', ['verify', '--boot', 'web@latest', '--machine', 'web', ...login], 'E_USAGE'],
    ['a machine without points', ['verify', '--boot', '--machine', 'mail', ...login], 'E_USAGE'],
    ['a pipeline that is not there', ['verify', '--boot', 'web@latest', ...login, '--on', 'weekly'], 'E_USAGE'],
    ['a source that boots nothing', ['verify', '--boot', 'web@latest', ...login, '--on', 'plain'], 'E_UNSUPPORTED'],
    ['a point that is not there', ['verify', '--boot', 'mail@latest', ...login], 'E_POINT_NOT_FOUND'],
    ['a pattern without end', ['verify', '--boot', 'web@latest', '--probe', `serial:${'x'.repeat(300)}`], 'E_CONFIG'],
  ])('refuses %s with exit code 2', async (_, args, code) => {
    const { exitCode, stderr } = await place.holdfast(...args)
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 2, stderr: expect.stringContaining(`[${code}]`) })
  })
})

test('without a point the newest of each machine is booted, by the probe of its pipeline', async () => {
  await using place = await bootWorkplace({ serial: 'login:', timeout: '300ms' })
  await place.holdfast('run', 'nightly')
  const booted = (await place.result('verify', '--boot'))['points']
  expect(booted).toMatchObject([
    { machine: 'db', target: 'vault', passed: false, evidence: { error: { code: 'E_BOOT' } } },
    { machine: 'web', target: 'vault', passed: true, evidence: { probe: { timeoutMs: 300 } } },
  ])
  const points = JSON.parse((await place.holdfast('list', '--target', 'vault', '--json')).stdout)
  expect(points.map((one: { verifications: object[] }) => one.verifications.length)).toEqual([0, 0, 1, 1])
  expect((await place.holdfast('verify', '--boot')).exitCode).toBe(1)
  expect(await place.result('verify', '--boot', '@latest', '--machine', 'w*')).toMatchObject({
    exitCode: 0,
    points: [{ machine: 'web', passed: true }],
  })
  expect(await place.result('verify', '--boot', 'web@latest', '--on', 'lab')).toMatchObject({ exitCode: 0 })
  expect(await place.result('verify', '--boot', 'web@latest', '--on', 'nightly', '--probe', 'agent')).toMatchObject({
    exitCode: 0,
    points: [{ evidence: { probe: { kind: 'agent', timeoutMs: 120_000 } } }],
  })
}, 60_000)

describe('holdfast verify --boot from a repository that cannot be read', () => {
  test('ends with 1, names what is damaged, and keeps that with the point', async () => {
    await using place = await bootWorkplace()
    const packs = join(place.folder, 'vault', 'packs')
    const names = (await readdir(packs, { recursive: true })).filter((name) => name.includes('/'))
    for (const name of names) {
      const bytes = await readFile(join(packs, name))
      // Nodes of trees are small; the disks are not.
      if (bytes.length > 10_000) await rm(join(packs, name)).then(() => writeFile(join(packs, name), harmed(bytes)))
    }
    const args = ['verify', '--boot', 'web@latest', ...login, '--boot-timeout', '300ms']
    const { exitCode, stdout, stderr } = await place.holdfast(...args)
    expect(exitCode).toBe(1)
    expect(stderr).toMatch(
      /^holdfast: web: .* does not boot .*: Disk 'root' of web .* cannot be read: .* \[E_DAMAGED\]$/m,
    )
    expect(stderr).toMatch(/packs\/[0-9a-f]{2}\/[0-9a-f]+/)
    expect(stderr).toMatch(/^ {2}try: .*repair --from/m)
    expect(stderr.match(/cannot be read/g)).toHaveLength(1)
    expect(stdout).toMatch(/^ {2}evidence: verified\//m)
    expect((await place.holdfast('list', '--machine', 'web', '--target', 'vault')).stdout).toMatch(/boot failed$/m)
    expect(await place.temporary()).toEqual([])
    expect((await place.holdfast(...args, '--target', 'offsite')).exitCode).toBe(0)
  }, 60_000)

  test('says so, and keeps nothing, when the target goes away while the machine starts', async () => {
    await using place = await bootWorkplace()
    await writeFile(
      join(place.folder, 'going.config.mjs'),
      `import { BackupError, wrapTarget } from '@holdfast/core'
import config from './holdfast.config.mjs'
const away = () => new BackupError('E_TARGET_UNAVAILABLE', 'The vault was carried away.')
const vault = wrapTarget(config.targets.vault, (session) => ({
  ...session,
  get: async function* (key, options) {
    if (options.range?.length > 10_000) throw away()
    yield* session.get(key, options)
  },
}))
export default { targets: { vault }, pipelines: { nightly: { ...config.pipelines.nightly, targets: ['vault'] } } }
`,
    )
    const args = ['verify', '--boot', 'web@latest', ...login, '--boot-timeout', '300ms', '-c', 'going.config.mjs']
    const { exitCode, stdout, stderr } = await place.holdfast(...args)
    expect(exitCode).toBe(1)
    expect(stderr).toMatch(/^holdfast: .*The vault was carried away\. \[E_TARGET_UNAVAILABLE\]$/m)
    expect(stdout).not.toContain('evidence')
    expect((await place.holdfast('list')).stdout).not.toContain('boot')
    expect([await place.leftBehind(), await place.temporary()]).toEqual([[], []])
  }, 60_000)
})

function harmed(bytes: Buffer): Buffer {
  return Buffer.from(bytes).fill(0x5a, 70, bytes.length - 300)
}
