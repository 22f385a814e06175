import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type BootDisk, bootGuest, makeGuest, skipsWithout, tempFolder } from 'holdfast-lab'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

/** As VMware Workstation writes it, for a guest with its disk on a SCSI controller. */
const vmx = `.encoding = "UTF-8"
config.version = "8"
virtualHW.version = "19"
displayName = "Web server"
guestOS = "debian11-64"
uuid.bios = "56 4d 5c 2e 9a 11 7f 0c-52 b0 8e 24 6d 31 f7 90"
numvcpus = "2"
memsize = "1024"
scsi0.present = "TRUE"
scsi0.virtualDev = "pvscsi"
scsi0:0.present = "TRUE"
scsi0:0.fileName = "web.vmdk"
ethernet0.present = "TRUE"
ethernet0.virtualDev = "vmxnet3"
ethernet0.networkName = "VM Network"
ethernet0.addressType = "static"
ethernet0.address = "00:50:56:2a:11:07"
annotation = "Made by hand|0D|0Atwo lines"
`

describe.skipIf(skipsWithout('guest'))('a VMware machine', () => {
  const { path: folder, at } = tempFolder(afterAll)
  const holdfast = (...args: string[]) => {
    const program = join(import.meta.dirname, 'node_modules', '@holdfast', 'cli', 'bin', 'holdfast.js')
    const env = { ...process.env, HOLDFAST_DEBUG: '', XDG_CACHE_HOME: at('cache') }
    const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
      cwd: folder,
      env,
      encoding: 'utf8',
    })
    expect([status, stderr]).toEqual([0, ''])
    return stdout
  }

  beforeAll(async () => {
    mkdirSync(at('machines', 'web'), { recursive: true })
    symlinkSync(join(import.meta.dirname, 'node_modules'), at('node_modules'))
    await makeGuest(folder)
    execFileSync('qemu-img', [
      'convert',
      '-O',
      'vmdk',
      '-o',
      'adapter_type=lsilogic',
      at('guest.raw'),
      at('machines', 'web', 'web.vmdk'),
    ])
    writeFileSync(at('machines', 'web', 'web.vmx'), vmx)
    writeFileSync(
      at('holdfast.yaml'),
      `targets: { vault: { use: '@holdfast/target-disk', with: { path: ./vault } } }
pipelines:
  nightly:
    source: { use: '@holdfast/source-image', with: { path: ./machines } }
    transforms: [{ use: '@holdfast/transform-zstd' }]
    targets: [vault]
`,
    )
    holdfast('init')
    holdfast('run')
  }, 120_000)

  it('is backed up with all that its description says', () => {
    const point = JSON.parse(holdfast('show', 'Web server@latest', '--json'))
    expect(point.point.machine).toMatchObject({
      name: 'Web server',
      cpus: 2,
      memoryBytes: 2 ** 30,
      disks: [{ id: 'scsi0:0', bus: 'scsi', sizeBytes: 255 * 2 ** 20 }],
      nics: [{ macAddress: '00:50:56:2a:11:07', network: 'VM Network', model: 'vmxnet3' }],
      native: { format: 'vmx', text: vmx },
    })
  })

  it('comes back as a KVM machine: QCOW2 and the XML of libvirt', async () => {
    const printed = holdfast('restore', 'Web server@latest', '--to', 'kvm', '--as', 'qcow2')
    expect(printed).toContain('bus of disk scsi0:0: scsi →')
    const place = at('kvm', 'Web server')
    const xml = readFileSync(join(place, 'Web server.xml'), 'utf8')
    const [, file = ''] = /<source file="([^"]+)"/.exec(xml) ?? []
    const [, bus = ''] = /<target dev="\w+" bus="(\w+)"/.exec(xml) ?? []
    expect(file.startsWith(place)).toBe(true)
    expect(readFileSync(join(place, 'native.vmx.txt'), 'utf8')).toBe(vmx)
    execFileSync('qemu-img', ['compare', '-f', 'raw', '-F', 'qcow2', at('guest.raw'), file])
    execFileSync('qemu-img', ['check', '-q', file])
    await expectBoot({ file, format: 'qcow2', bus: asBus(bus) })
  })

  it('comes back with XML that libvirt takes, and a command that starts it', { timeout: 240_000 }, () => {
    const place = at('kvm alone', 'Web server')
    holdfast('restore', 'Web server@latest', '--to', 'kvm alone', '--as', 'qcow2')
    if (!skipsWithout('libvirt-clients'))
      execFileSync('virt-xml-validate', [join(place, 'Web server.xml'), 'domain'], { stdio: 'pipe' })
    const alone = ['-machine', 'accel=tcg', '-display', 'none', '-serial', 'stdio', '-no-reboot']
    const output = execFileSync('sh', [join(place, 'start-qemu.sh'), ...alone], {
      cwd: '/',
      encoding: 'utf8',
      timeout: 200_000,
    })
    expect(output).toContain('VERIFY-OK 3 files')
    expect(output).toContain('GUEST-READY')
  })

  it('comes back as a Hyper-V machine: VHDX and a script', async () => {
    const printed = holdfast('restore', 'Web server@latest', '--to', 'hyper-v', '--as', 'vhdx')
    expect(printed).toContain('bus of disk scsi0:0: scsi → Hyper-V IDE')
    const place = at('hyper-v', 'Web server')
    const script = readFileSync(join(place, 'Web server.ps1'), 'utf8')
    const [, name = ''] = /'([^']+\.vhdx)'/.exec(script) ?? []
    const file = join(place, name)
    execFileSync('qemu-img', ['compare', '-f', 'raw', '-F', 'vhdx', at('guest.raw'), file])
    await expectBoot({ file, format: 'vhdx', bus: 'ide' })
  })

  it('comes back as itself: VMDK and its VMX, nothing lost', () => {
    holdfast('restore', 'Web server@latest', '--to', 'vmware', '--as', 'vmdk', '--name', 'Web server')
    const place = at('vmware', 'Web server')
    const text = readFileSync(join(place, 'Web server.vmx'), 'utf8')
    for (const line of vmx.split('\n').filter((line) => !line.startsWith('scsi0:0.fileName')))
      expect(text).toContain(line)
    const [, name = ''] = /scsi0:0\.fileName = "([^"]+)"/.exec(text) ?? []
    execFileSync('qemu-img', ['compare', '-f', 'raw', '-F', 'vmdk', at('guest.raw'), join(place, name)])
  })
})

async function expectBoot(disk: BootDisk): Promise<void> {
  const output = await bootGuest(disk)
  const lines = output.match(/^.*(GUEST-|VERIFY-).*$/gm) ?? []
  process.stdout.write(
    `${disk.format} on ${disk.bus}: ${lines.map((line) => line.replace(/^.*(GUEST-|VERIFY-)/, '$1').trim()).join(', ')}\n`,
  )
  expect(output).toContain('VERIFY-OK 3 files')
  expect(output).toContain('GUEST-READY')
}

function asBus(text: string): NonNullable<BootDisk['bus']> {
  if (text === 'virtio' || text === 'sata' || text === 'ide' || text === 'scsi') return text
  throw new Error(`libvirt's bus ${text} is not known here`)
}
