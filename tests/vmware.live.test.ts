import { spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type SimulatedVsphere, skipsWithout, startVsphere, tempFolder, type VsphereOptions } from 'holdfast-lab'
import { afterAll, describe, expect, it } from 'vitest'

const mebibyte = 2 ** 20
const program = join(import.meta.dirname, 'node_modules', '@holdfast', 'cli', 'bin', 'holdfast.js')

describe.skipIf(skipsWithout('vsphere'))('machines of VMware', { timeout: 300_000 }, () => {
  it('are captured fifty at a time within the limits, and one that fails stops no other', async () => {
    await using site = await startSite({ machines: 50, hosts: 4, cluster: true, datastores: 4, diskMib: 4 }, [
      'limits: { snapshotsPerDatastore: 2, snapshotsPerHost: 3 }',
    ])
    const { control } = site.vsphere
    for (const { name } of await control.machines()) await control.write(name, 0, 0, randomBytes(1000))
    site.holdfast(0, 'init')
    site.holdfast(0, 'run')
    await control.failCalls({ method: 'CreateSnapshot_Task', skip: 20, inTask: true }, { type: 'NoDiskSpace' })
    const printed = site.holdfast(3, 'run')
    expect(printed).toMatch(/vm\d+: failed/)
    expect(printed).toContain('NoDiskSpace')
    expect(printed).toContain('try: Make room on the datastore.')
    // 50 of the first run, and 49 of the second.
    expect(site.holdfast(0, 'list').match(/\d{8}T\d{6}Z-[0-9a-f]{12}/g)?.length).toBe(99)
    const { snapshots, snapshotsByDatastore, snapshotsByHost } = await control.counters()
    expect(snapshots.now).toBe(0)
    // More than one at a time, or the limits were not tried.
    expect(snapshots.max).toBeGreaterThan(1)
    for (const { max } of Object.values(snapshotsByDatastore)) expect(max).toBeLessThanOrEqual(2)
    for (const { max } of Object.values(snapshotsByHost)) expect(max).toBeLessThanOrEqual(3)
  })

  it('come back as disks of any hypervisor, equal by the word of qemu-img', async () => {
    await using site = await startSite({ machines: 1, disks: 2, diskMib: 16 })
    const { control } = site.vsphere
    site.holdfast(0, 'init')
    for (const round of [0, 1]) {
      await control.write('vm1', 0, round * 3 * mebibyte, randomBytes(mebibyte))
      await control.write('vm1', 1, 9 * mebibyte, randomBytes(mebibyte))
      site.holdfast(0, 'run')
    }
    const { disks } = await control.machine('vm1')
    for (const kind of ['vmdk', 'qcow2', 'vhdx']) {
      site.holdfast(0, 'restore', 'vm1@latest', '--to', kind, '--as', kind)
      const folder = join(site.folder, kind, 'vm1')
      const images = readdirSync(folder).filter((name) => name.endsWith(`.${kind}`) && !name.includes('-flat'))
      expect(images.length).toBe(2)
      const equal = images.toSorted().map((name, at) => {
        const compared = spawnSync('qemu-img', [
          'compare',
          '-f',
          'raw',
          '-F',
          kind,
          disks[at]?.live ?? '',
          join(folder, name),
        ])
        return compared.stdout.toString().trim()
      })
      expect(equal).toEqual(['Images are identical.', 'Images are identical.'])
    }
    expect(
      readFileSync(
        join(
          site.folder,
          'vmdk',
          'vm1',
          readdirSync(join(site.folder, 'vmdk', 'vm1')).find((name) => name.endsWith('.vmx')) ?? '',
        ),
        'utf8',
      ),
    ).toContain('displayName')
  })

  it('lose the snapshot of a run that was killed in the next run', async () => {
    await using site = await startSite({ machines: 1, diskMib: 16 })
    const { control } = site.vsphere
    await control.write('vm1', 0, 0, randomBytes(12 * mebibyte).subarray(0, 1000))
    site.holdfast(0, 'init')
    await control.spoilTransfers({ kind: 'folder', path: 'flat', after: 10, stallMs: 60_000 })
    const killed = spawn(process.execPath, [program, 'run'], { cwd: site.folder, env: site.env, stdio: 'ignore' })
    const ended = once(killed, 'exit')
    await expect.poll(async () => (await control.counters()).folderRequests, { timeout: 60_000 }).toBeGreaterThan(3)
    expect((await control.machine('vm1')).snapshots).toBe(1)
    killed.kill('SIGKILL')
    await ended
    await control.clearFaults()
    expect((await control.machine('vm1')).snapshots).toBe(1)
    site.holdfast(0, 'run')
    expect((await control.machine('vm1')).snapshots).toBe(0)
    site.holdfast(0, 'verify')
  })
})

interface Site extends AsyncDisposable {
  readonly vsphere: SimulatedVsphere
  readonly folder: string
  readonly env: NodeJS.ProcessEnv
  /** Runs the program, which must end with that status; returns what it printed. */
  readonly holdfast: (status: number, ...args: string[]) => string
}

async function startSite(options: VsphereOptions, more: readonly string[] = []): Promise<Site> {
  const vsphere = await startVsphere(options)
  const { path: folder, at } = tempFolder(afterAll)
  const { host, port, thumbprints, administrator } = vsphere
  symlinkSync(join(import.meta.dirname, 'node_modules'), at('node_modules'))
  writeFileSync(
    at('holdfast.yaml'),
    `targets: { vault: { use: '@holdfast/target-disk', with: { path: ./vault } } }
pipelines:
  nightly:
    source:
      use: '@holdfast/source-vmware'
      with:
        host: ${host}
        port: ${port}
        user: ${administrator.user}
        password: { env: VSPHERE_PASSWORD }
        thumbprint: '${thumbprints?.sha256}'
${more.map((line) => `        ${line}\n`).join('')}    targets: [vault]
`,
  )
  const env = {
    ...process.env,
    HOLDFAST_DEBUG: '',
    XDG_CACHE_HOME: at('cache'),
    VSPHERE_PASSWORD: administrator.password,
  }
  return {
    vsphere,
    folder,
    env,
    holdfast: (status, ...args) => {
      // The simulator is another process, so this one may wait.
      const ran = spawnSync(process.execPath, [program, ...args], {
        cwd: folder,
        env,
        encoding: 'utf8',
        timeout: 60_000,
      })
      const complaints = ran.stderr.replaceAll(/^holdfast: warning: .*\n/gm, '')
      expect([args[0], ran.status, status === 0 ? complaints : ''], ran.stdout).toEqual([args[0], status, ''])
      expect(ran.stdout + ran.stderr).not.toContain(administrator.password)
      return ran.stdout + ran.stderr
    },
    [Symbol.asyncDispose]: () => vsphere[Symbol.asyncDispose](),
  }
}
