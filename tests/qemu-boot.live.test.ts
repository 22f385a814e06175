import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { connectGuestAgent, queryBlockNodes, queryStatus } from '@holdfast/protocol-qmp'
import { makeGuest, skipsWithout, tempFolder } from 'holdfast-lab'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type LiveGuest, makeGuestDisks, startGuest } from './support/live-guest.js'

const program = resolve(import.meta.dirname, '../packages/cli/bin/holdfast.js')

const config = `
targets:
  vault: { use: '@holdfast/target-disk', with: { path: ./vault } }
pipelines:
  live:
    source:
      use: '@holdfast/source-qemu'
      with: { monitor: './vm-{name}/qmp.sock', scratch: ./scratch, images: ./restored, boot: { accelerator: tcg } }
    quiesce:
      - use: '@holdfast/quiesce-guest-agent'
        with: { socket: './vm-{name}/agent.sock', consistency: application }
    bootProbe: { serial: 'GUEST-READY', timeout: '2m' }
    targets: [vault]
  slow:
    source:
      use: '@holdfast/source-qemu'
      with: { monitor: './vm-{name}/qmp.sock', scratch: ./scratch }
    quiesce:
      - use: '@holdfast/quiesce-guest-agent'
        with: { socket: './vm-{name}/agent.sock', consistency: application }
      - use: '@holdfast/quiesce-script'
        with: { freeze: [sh, -c, 'touch frozen; exec sleep 60'], thaw: ['true'] }
    targets: [vault]
`

describe.skipIf(skipsWithout('guest'))('points of a running guest', { timeout: 300_000 }, () => {
  const { path: folder, at } = tempFolder(afterAll)
  let guest: LiveGuest
  const holdfast = (...args: string[]) => {
    const env = { ...process.env, NO_COLOR: '1', XDG_CACHE_HOME: at('cache'), TMPDIR: at('temporary') }
    const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
      cwd: folder,
      env,
      encoding: 'utf8',
    })
    return { status, stdout, stderr }
  }
  beforeAll(async () => {
    for (const name of ['scratch', 'restored', 'temporary']) mkdirSync(at(name))
    symlinkSync(join(import.meta.dirname, 'node_modules'), at('node_modules'))
    writeFileSync(at('holdfast.yaml'), config)
    const image = await makeGuest(folder, { staysUp: true })
    guest = await startGuest(folder, 'vm-web', image.kernel, await makeGuestDisks(folder, 'vm-web', image))
    expect(holdfast('init')).toMatchObject({ status: 0 })
  }, 180_000)
  afterAll(async () => {
    await guest[Symbol.asyncDispose]()
  })

  const agentState = async () => {
    try {
      await using agent = await connectGuestAgent({ path: guest.qemu.agentPath }, { timeoutMs: 500 })
      return await agent.fsfreezeStatus({ timeoutMs: 500 })
    } catch {
      return 'held by the run'
    }
  }
  /** Runs a restored machine by its own script until it is ready, and gives what it printed. */
  const printedBy = async (script: string): Promise<string> => {
    const args = ['-machine', 'accel=tcg', '-display', 'none', '-serial', 'stdio', '-monitor', 'none']
    const child = spawn('sh', [script, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
    let printed = ''
    try {
      for await (const text of child.stdout) {
        printed += String(text)
        if (printed.includes('GUEST-READY')) break
      }
      return printed
    } finally {
      child.kill('SIGKILL')
    }
  }
  const temporary = () => readdirSync(at('temporary')).filter((name) => name.startsWith('holdfast-'))
  const filesOf = (...folders: readonly string[]) =>
    folders
      .flatMap((folder) => readdirSync(at(folder), { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .toSorted()
  /** What every file of the repository holds, but leases, which come and go, and evidence. */
  const vaultDigest = () => {
    const hash = createHash('sha256')
    const isKept = (path: string) => !path.includes('/writers/') && !path.includes('/verified/')
    for (const path of filesOf('vault').filter(isKept)) hash.update(path).update(readFileSync(path))
    return hash.digest('hex')
  }
  const traces = async () => [
    ...(await queryBlockNodes(guest.monitor)).map(({ nodeName }) => nodeName).filter((name) => name.startsWith('hf-')),
    ...readdirSync(at('scratch')),
  ]

  it('boot from the repository, which is kept as evidence and shown; the machine that was booted is gone', () => {
    expect(holdfast('run', 'live')).toMatchObject({ status: 0, stderr: '' })
    const before = vaultDigest()
    const { status, stdout, stderr } = holdfast('verify', '--boot')
    process.stdout.write(stdout)
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout).toMatch(/^web: \S+ on vault boots on qemu: up after .* \(disks read through an overlay, boot .*\)$/m)
    expect(stdout).not.toContain('restoring')
    expect(holdfast('list').stdout).toMatch(/application, boot ok \d/)
    const shown = holdfast('show', 'web@latest').stdout
    expect(shown).toContain('disks read through an overlay')
    expect(shown).toContain('VERIFY-OK 3 files state=quiesced')
    expect(shown).not.toContain('recovery complete')
    expect([readdirSync(at('restored')), temporary()]).toEqual([[], []])
    expect(vaultDigest()).toBe(before)
  })

  it('boot restored, too', () => {
    const { status, stdout, stderr } = holdfast('verify', '--boot', '--restore')
    process.stdout.write(stdout)
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout).toMatch(/^web\/dev-root: .* written in/m)
    const [{ verifications }] = JSON.parse(holdfast('list', '--json').stdout)
    const [overlay, restored] = verifications.slice(-2)
    process.stdout.write(
      `until the disks are there: overlay ${overlay.restoreMs} ms, restored ${restored.restoreMs} ms\n`,
    )
    expect([overlay, restored]).toMatchObject([
      { disks: 'overlay', passed: true },
      { disks: 'restored', passed: true },
    ])
    expect([readdirSync(at('restored')), temporary()]).toEqual([[], []])
  })

  it('do not boot when the repository is damaged, and the damage is named', () => {
    cpSync(at('vault'), at('spoiled'), { recursive: true })
    writeFileSync(at('spoiled.yaml'), config.replace('./vault', './spoiled'))
    for (const path of filesOf('spoiled/packs')) {
      const bytes = readFileSync(path)
      // Nodes of trees are in small packs.
      if (bytes.length < 1_000_000) continue
      rmSync(path)
      writeFileSync(path, bytes.fill(0x5a, 70, bytes.length - 4096))
    }
    const { status, stdout, stderr } = holdfast('verify', '--boot', '--boot-timeout', '5s', '-c', 'spoiled.yaml')
    process.stdout.write(stderr)
    expect(status).toBe(1)
    expect(stderr).toMatch(/does not boot on qemu: Disk 'dev-root' of web .* packs\/.*\[E_DAMAGED\]$/m)
    expect(stdout).toMatch(/^ {2}evidence: verified\//m)
    expect([readdirSync(at('restored')), temporary()]).toEqual([[], []])
  })

  it('answer through their agent, and run a command', () => {
    expect(holdfast('verify', '--boot', '--probe', 'agent').stdout).toMatch(/agent saw: The agent [\d.]+ answers/)
    const good = holdfast('verify', '--boot', '--probe', 'command:cd /data && sha256sum -c MANIFEST')
    expect([good.status, good.stdout]).toEqual([0, expect.stringContaining('two.bin: OK')])
    const bad = holdfast('verify', '--boot', '--probe', 'command:echo the database is gone; exit 3')
    expect([bad.status, bad.stderr]).toEqual([
      1,
      expect.stringMatching(/ended with exit code 3[\s\S]*the database is gone/),
    ])
  })

  it('are restored on the source, as a machine of its own or in the place of one that is defined', async () => {
    expect(holdfast('restore', 'web@latest', '--on', 'live', '--name', 'copy')).toMatchObject({ status: 0, stderr: '' })
    expect(readdirSync(at('restored', 'copy')).sort()).toEqual(
      ['copy.xml', 'dev-data.qcow2', 'dev-root.qcow2', 'machine.json', 'start-qemu.sh'].sort(),
    )
    const printed = await printedBy(at('restored', 'copy', 'start-qemu.sh'))
    expect(printed).toMatch(/VERIFY-OK 3 files state=quiesced/)
    writeFileSync(
      at('old.xml'),
      `<domain type='kvm'><name>old</name><uuid>5d2a1c7e-3b1f-4f5e-9c3a-0a1b2c3d4e5f</uuid><memory unit='MiB'>512</memory>
  <vcpu>3</vcpu><os><type arch='x86_64' machine='q35'>hvm</type></os><!-- kept --></domain>`,
    )
    expect(holdfast('restore', 'web@latest', '--on', 'live', '--set', `definition=${at('old.xml')}`)).toMatchObject({
      status: 0,
    })
    const xml = readFileSync(at('restored', 'old', 'old.xml'), 'utf8')
    expect(xml).toContain('<uuid>5d2a1c7e-3b1f-4f5e-9c3a-0a1b2c3d4e5f</uuid>')
    expect(xml).toContain('<!-- kept -->')
    expect(xml).toContain(at('restored', 'old', 'dev-root.qcow2'))
    for (const name of ['copy', 'old']) rmSync(at('restored', name), { recursive: true })
    const wrong = holdfast('restore', 'web@latest')
    expect([wrong.status, wrong.stderr]).toEqual([2, expect.stringContaining('--to <folder> or --on <pipeline>')])
  })

  it('are not made by a run that is killed inside the freeze; the guest goes on, and nothing is left', async () => {
    const before = holdfast('list').stdout
    const child = spawn(process.execPath, [program, 'run', 'slow'], { cwd: folder, stdio: 'ignore' })
    const ended = once(child, 'exit')
    while (!existsSync(at('frozen'))) await delay(20)
    expect(await agentState()).toBe('held by the run')
    const killedAt = performance.now()
    child.kill('SIGKILL')
    await ended
    while ((await agentState()) !== 'thawed') await delay(20)
    process.stdout.write(`killed inside the freeze: thawed ${Math.round(performance.now() - killedAt)} ms later\n`)
    for (let waits = 0; waits < 1200 && (await traces()).length > 0; waits++) await delay(50)
    expect(await traces()).toEqual([])
    expect((await queryStatus(guest.monitor)).isRunning).toBe(true)
    expect(holdfast('list').stdout).toBe(before)
  })

  it('do not boot when their boot sector was damaged before the backup, which is kept and shown too', async () => {
    await guest.shell('dd if=/dev/zero of=/dev/vda bs=440 count=1 conv=notrunc,fsync')
    expect(holdfast('run', 'live')).toMatchObject({ status: 0, stderr: '' })
    const { status, stderr } = holdfast('verify', '--boot', '--boot-timeout', '15s')
    process.stdout.write(stderr)
    expect(status).toBe(1)
    expect(stderr).toMatch(/does not boot on qemu[\s\S]*\[E_BOOT\]/)
    expect(holdfast('list').stdout).toMatch(/boot failed\n$/)
    expect(holdfast('show', 'web@latest').stdout).toMatch(/failed on qemu[\s\S]*did not come up within 15 s/)
    expect(readdirSync(at('restored'))).toEqual([])
  })
})
