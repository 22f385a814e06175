import { type ChildProcessWithoutNullStreams, execFileSync, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { guestAgentQuiesce } from '@holdfast/quiesce-guest-agent'
import { qemuSource } from '@holdfast/source-qemu'
import { memoryTarget } from '@holdfast/testkit/memory'
import { makeGuest, skipsUnless, skipsWithout, tempFolder } from 'holdfast-lab'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { lab } from './support/lab.js'

const uuid = '3f2c9d1e-6b7a-4c8d-9e0f-112233445566'

describe.skipIf(skipsWithout('guest') || skipsWithoutLibvirt())(
  'a machine that libvirt runs',
  { timeout: 300_000 },
  () => {
    const { path: folder, at } = tempFolder(afterAll)
    const said: string[] = []
    let virsh: ChildProcessWithoutNullStreams | undefined
    const { init, run, points } = lab()

    const tell = async (command: string, answer: RegExp) => {
      const before = said.length
      virsh?.stdin.write(`${command}\n`)
      for (let waits = 0; waits < 2400; waits++) {
        const text = said.slice(before).join('')
        if (answer.test(text)) return text
        await delay(50)
      }
      throw new Error(`virsh ${command}: ${said.slice(before).join('')}`)
    }

    beforeAll(async () => {
      for (const name of ['run', 'definitions', 'scratch']) mkdirSync(at(name), { recursive: true })
      const { disk } = await makeGuest(folder, { staysUp: true })
      execFileSync('qemu-img', ['convert', '-O', 'qcow2', disk, at('root.qcow2')])
      execFileSync('qemu-img', ['create', '-q', '-f', 'raw', at('data.raw'), '16M'])
      writeFileSync(at('definitions', 'web.xml'), domain(folder))
      virsh = spawn('virsh', ['-c', embeddedLibvirt(at('root'))])
      for (const output of [virsh.stdout, virsh.stderr])
        output.setEncoding('utf8').on('data', (text: string) => said.push(text))
      await tell(`define ${at('definitions', 'web.xml')}`, /defined from|error:/)
      expect(await tell('start web', /started|error:/)).not.toContain('error:')
      for (let waits = 0; waits < 800 && !consoleOf(folder).includes('GUEST-READY'); waits++) await delay(250)
      expect(consoleOf(folder)).toContain('GUEST-READY')
    }, 300_000)
    afterAll(async () => {
      if (existsSync(at('run', 'web.pid'))) process.kill(Number(readFileSync(at('run', 'web.pid'), 'utf8')), 'SIGKILL')
      if (virsh !== undefined) {
        // Not 'close': the machine's QEMU has its pipes, too.
        const ended = new Promise((resolve) => virsh?.once('exit', resolve))
        virsh.kill('SIGKILL')
        await ended
      }
    })

    it('is backed up over a second monitor, with the names that its definition has, and libvirt notices nothing', async () => {
      const target = { name: 't', plugin: memoryTarget() }
      await init(target)
      const source = qemuSource({
        monitor: at('run', '{name}.qmp'),
        definitions: at('definitions'),
        scratch: at('scratch'),
      })
      const quiesce = [guestAgentQuiesce({ socket: at('run', '{name}.agent'), consistency: 'application' })]
      const disksBefore = await tell('domblklist web', /sda .*\n/)
      const reports = [await run(source, [target], { quiesce }), await run(source, [target], { quiesce })]
      for (const { status, machines } of reports) {
        expect(machines[0]?.error).toBeUndefined()
        expect(status).toBe('done')
      }
      expect(
        reports.map(({ machines }) => machines[0]?.disks.map(({ disk, tracking }) => [disk, tracking.mode])),
      ).toEqual([
        [
          ['vda', 'full'],
          ['sda', 'full'],
        ],
        [
          ['vda', 'incremental'],
          ['sda', 'incremental'],
        ],
      ])
      const newest = (await points(target)).at(-1)?.point
      expect(newest?.machine).toMatchObject({ id: uuid, name: 'web', native: { format: 'libvirt-xml' } })
      expect(newest?.consistency).toBe('application')
      expect(await tell('domblklist web', /sda .*\n/)).toBe(disksBefore)
      expect(await tell('domstate web --reason', /running|paused|shut/)).toContain('running')
    })
  },
)

function consoleOf(folder: string): string {
  const file = join(folder, 'console.log')
  return existsSync(file) ? readFileSync(file, 'utf8') : ''
}

/** A domain with the arguments for QEMU that the page on libvirt tells. */
function domain(folder: string): string {
  const page = readFileSync(
    join(import.meta.dirname, '..', 'docs', 'how-to', 'back-up-a-machine-of-libvirt.md'),
    'utf8',
  )
  const told = page.match(/<qemu:commandline>[\s\S]*?<\/qemu:commandline>/g)?.find((text) => text.includes('agent'))
  const disk = (file: string, type: string, target: string) =>
    `<disk type='file' device='disk'><driver name='qemu' type='${type}'/><source file='${join(folder, file)}'/>${target}</disk>`
  return `<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>web</name><uuid>${uuid}</uuid><memory unit='MiB'>256</memory><vcpu>1</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
  <features><acpi/></features>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    ${disk('root.qcow2', 'qcow2', "<target dev='vda' bus='virtio'/>")}
    ${disk('data.raw', 'raw', "<target dev='sda' bus='sata'/>")}
    <controller type='virtio-serial'/>
    <serial type='file'><source path='${join(folder, 'console.log')}'/></serial>
    <memballoon model='none'/>
  </devices>
  ${told
    ?.replaceAll('/run/holdfast/', `${join(folder, 'run')}/`)
    .replace(
      '</qemu:commandline>',
      `<qemu:arg value='-pidfile'/><qemu:arg value='${join(folder, 'run', 'web.pid')}'/></qemu:commandline>`,
    )}
</domain>
`
}

/** Prepares a folder for a libvirt within virsh: no daemon, and no settings of the host. Returns what virsh connects to. */
function embeddedLibvirt(root: string): string {
  const settings = ['user = "root"', 'group = "root"', 'security_driver = "none"', 'stdio_handler = "file"']
  const none = ['dynamic_ownership = 0', 'remember_owner = 0', 'namespaces = []', 'cgroup_controllers = []']
  mkdirSync(join(root, 'etc'), { recursive: true })
  writeFileSync(join(root, 'etc', 'qemu.conf'), [...settings, ...none].join('\n'))
  return `qemu:///embed?root=${root}`
}

function skipsWithoutLibvirt(): boolean {
  if (skipsWithout('libvirt-clients', 'libvirt-daemon-driver-qemu', 'libvirt-daemon-system')) return true
  using folder = tempFolder()
  const args = ['-c', embeddedLibvirt(folder.path), 'version']
  const { status, stderr } = spawnSync('virsh', args, { encoding: 'utf8' })
  return skipsUnless(status === 0, `libvirt cannot run QEMU: ${stderr.trim()}`)
}
