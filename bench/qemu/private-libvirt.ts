import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { runQuietly } from '../measure/run-quietly.ts'

/** A libvirt of its own. Disposing it ends it with all its machines; so does the end of this process, whatever ends it. */
export interface PrivateLibvirt extends AsyncDisposable {
  /** What its clients connect to. */
  readonly uri: string
  /** Runs a command of virsh and returns what it printed. */
  readonly virsh: (...args: readonly string[]) => Promise<string>
}

const startTimeoutMs = 60_000

/** No other user, no cgroups, no virtlogd: it starts without systemd. */
const driverSettings = `user = "root"
group = "root"
dynamic_ownership = 0
remember_owner = 0
security_driver = "none"
cgroup_controllers = [ ]
namespaces = [ ]
stdio_handler = "file"
`

/** Its folders lie over those of the system where nobody else sees it, and its processes end with the first of them. */
const script = `set -e
mount --bind "$1/etc" /etc/libvirt
mount --bind "$1/lib" /var/lib/libvirt
mount --bind "$1/cache" /var/cache/libvirt
mount --bind "$1/log" /var/log/libvirt
mount --bind "$1/run" /run/libvirt
libvirtd --config /etc/libvirt/libvirtd.conf &
cat`

/**
 * Starts libvirt in namespaces of its own: one that runs on this host, and its settings, are not touched. Needs root.
 *
 * `folder` exists, is empty and has a short path: sockets are in it.
 *
 * @throws Error with libvirt's words when it does not start
 */
export async function startLibvirt(folder: string): Promise<PrivateLibvirt> {
  for (const name of ['etc', 'lib/qemu', 'cache', 'log/qemu', 'run']) mkdirSync(join(folder, name), { recursive: true })
  for (const place of ['/etc', '/var/lib', '/var/cache', '/var/log', '/run'])
    mkdirSync(join(place, 'libvirt'), { recursive: true })
  writeFileSync(join(folder, 'etc', 'qemu.conf'), driverSettings)
  writeFileSync(
    join(folder, 'etc', 'libvirtd.conf'),
    `unix_sock_dir = "${join(folder, 'run')}"\nauth_unix_rw = "none"\n`,
  )

  const logFile = join(folder, 'libvirtd.log')
  const log = openSync(logFile, 'w')
  const isolation = ['--mount', '--pid', '--fork', '--mount-proc']
  const child = spawn('unshare', [...isolation, 'sh', '-c', script, 'sh', folder], {
    stdio: ['pipe', log, log],
    env: { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/sbin` },
  })
  closeSync(log)
  const ended = once(child, 'close')
  const uri = `qemu:///system?socket=${join(folder, 'run', 'libvirt-sock')}`
  const virsh: PrivateLibvirt['virsh'] = (...args) => runQuietly('virsh', ['--connect', uri, ...args])
  const stop = async () => {
    child.stdin?.end()
    await ended
  }

  const startedAt = performance.now()
  for (;;) {
    const error: unknown = await virsh('list').then(
      () => undefined,
      (failure: unknown) => failure,
    )
    if (error === undefined) break
    if (child.exitCode !== null || performance.now() - startedAt > startTimeoutMs) {
      await stop()
      throw new Error(`libvirt did not start: ${readFileSync(logFile, 'utf8').slice(-2000)}`, { cause: error })
    }
    await delay(100)
  }
  return { uri, virsh, [Symbol.asyncDispose]: stop }
}
