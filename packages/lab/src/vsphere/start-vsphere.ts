import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { programEnvironment } from '../programs/run.ts'
import { buildGo } from './build-go.ts'
import { type VsphereControl, vsphereControl } from './vsphere-control.ts'

/** What to simulate. Machines are vm1, vm2 and so on; they run, with VMware Tools. */
export interface VsphereOptions {
  /** @defaultValue vcenter */
  readonly server?: 'vcenter' | 'esxi'
  /** @defaultValue true */
  readonly tls?: boolean
  /** @defaultValue 7.0 */
  readonly apiVersion?: '6.5' | '6.7' | '7.0' | '8.0'
  /** @defaultValue 1 */
  readonly hosts?: number
  /** Whether the hosts are in one cluster, DC0_C0. @defaultValue false */
  readonly cluster?: boolean
  /** datastore1, datastore2 and so on; machines lie on them, and run on the hosts, in turn. @defaultValue 1 */
  readonly datastores?: number
  /** @defaultValue 2 */
  readonly machines?: number
  /** Disks of each machine. @defaultValue 1 */
  readonly disks?: number
  /** Size of each disk. @defaultValue 16 */
  readonly diskMib?: number
  /** Most changed areas in an answer. @defaultValue no limit */
  readonly changedAreas?: number
  /** How long a lease lives without progress. @defaultValue 300 */
  readonly leaseSeconds?: number
  /** Where its folder is made. @defaultValue where temporary files go */
  readonly within?: string
}

/** A datastore; its folder is on this machine. */
export interface VsphereDatastore {
  readonly name: string
  readonly folder: string
}

/** A user of the API, or of the guests. */
export interface VsphereUser {
  readonly user: string
  readonly password: string
}

/** A vSphere that runs. Disposing it stops it, and removes all that it has. */
export interface SimulatedVsphere extends AsyncDisposable {
  /** Of the API: it ends with `/sdk`. */
  readonly url: string
  readonly host: string
  readonly port: number
  readonly pid: number
  /** Of the certificate, as `AB:CD:…`. @defaultValue none without TLS */
  readonly thumbprints?: { readonly sha1: string; readonly sha256: string }
  /** The certificate as PEM, which signs itself. @defaultValue none without TLS */
  readonly caFile?: string
  /** May do everything. */
  readonly administrator: VsphereUser
  /** May look only. */
  readonly reader: VsphereUser
  readonly guest: VsphereUser
  /** Name of the data center, for /folder. */
  readonly dataCenter: string
  readonly datastores: readonly VsphereDatastore[]
  readonly control: VsphereControl
  readonly stop: () => Promise<void>
}

const startTimeoutMs = 60_000
const simulator = join(import.meta.dirname, 'simulator')
const password = 'Secret-1'
const administrator = { user: 'administrator@vsphere.local', password }
const reader = { user: 'reader@vsphere.local', password }
const guest = { user: 'root', password: 'Guest-1' }

/**
 * Starts a simulated vCenter or ESXi host on a free loopback port; the first time it is compiled, which takes half a minute.
 *
 * @throws Error with what the compiler or the simulator said
 */
export async function startVsphere(options: VsphereOptions = {}): Promise<SimulatedVsphere> {
  const { server = 'vcenter', tls = true } = options
  const program = await buildGo(simulator)
  const folder = mkdtempSync(join(options.within ?? tmpdir(), 'hf-vsphere-'))
  const caFile = join(folder, 'certificate.pem')
  const child = launch(program, folder, argumentsOf(options, folder, caFile))
  const stop = async () => {
    if (!hasEnded(child)) {
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
    }
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }
  const said = await untilStarted(child, folder).catch(async (error: unknown) => {
    const complaints = readFileSync(join(folder, 'errors.log'), 'utf8')
    await stop()
    throw new Error(`The simulated vSphere did not start: ${complaints}`, { cause: error })
  })
  const { hostname, port } = new URL(said.url)
  return {
    url: said.url,
    host: hostname,
    port: Number(port),
    pid: child.pid ?? 0,
    ...(said.sha1 === undefined || said.sha256 === undefined
      ? {}
      : { thumbprints: { sha1: said.sha1, sha256: said.sha256 }, caFile }),
    administrator,
    reader,
    guest,
    dataCenter: server === 'esxi' ? 'ha-datacenter' : 'DC0',
    datastores: said.datastores,
    control: vsphereControl(said.control),
    stop,
    [Symbol.asyncDispose]: stop,
  }

  function argumentsOf(wished: VsphereOptions, at: string, certificate: string): readonly string[] {
    const { hosts = 1, datastores = 1, machines = 2, disks = 1, diskMib = 16, cluster = false } = wished
    const { apiVersion = '7.0', changedAreas = 0, leaseSeconds = 300 } = wished
    return [
      ...[
        '-folder',
        at,
        '-certificate',
        certificate,
        `-tls=${tls}`,
        `-esx=${server === 'esxi'}`,
        `-cluster=${cluster}`,
      ],
      ...['-api', apiVersion, '-hosts', `${hosts}`, '-datastores', `${datastores}`, '-vms', `${machines}`],
      ...['-disks', `${disks}`, '-disk-mib', `${diskMib}`],
      ...['-areas', `${changedAreas}`, '-lease-seconds', `${leaseSeconds}`],
      ...['-user', administrator.user, '-reader', reader.user, '-password', password],
      ...['-guest-user', guest.user, '-guest-password', guest.password],
    ]
  }
}

interface Started {
  readonly url: string
  readonly control: string
  readonly sha1?: string
  readonly sha256?: string
  readonly datastores: readonly VsphereDatastore[]
}

function launch(program: string, folder: string, args: readonly string[]): ChildProcess {
  const output = openSync(join(folder, 'output.json'), 'w')
  const errors = openSync(join(folder, 'errors.log'), 'w')
  // It ends with this process, however that ends: tests that are killed must not leave a server behind.
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', program, ...args], {
    env: programEnvironment(),
    stdio: ['ignore', output, errors],
  })
  closeSync(output)
  closeSync(errors)
  // Whoever waits for it learns that it has ended.
  child.once('error', () => {})
  return child
}

function hasEnded(child: ChildProcess): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null
}

async function untilStarted(child: ChildProcess, folder: string): Promise<Started> {
  for (const endsAt = performance.now() + startTimeoutMs; ; await delay(20)) {
    const line = readFileSync(join(folder, 'output.json'), 'utf8')
    if (line.endsWith('\n')) return JSON.parse(line) as Started
    if (hasEnded(child)) throw new Error('It has ended')
    if (performance.now() >= endsAt) throw new Error('It does not answer')
  }
}
