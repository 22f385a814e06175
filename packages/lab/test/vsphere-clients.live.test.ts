import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildGo, run, type SimulatedVsphere, skipsWithout, startVsphere, tempFolder } from 'holdfast-lab'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'

const mib = 2 ** 20

/** Runs virsh as the administrator of a simulated server. */
function virshOf({ host, port, administrator }: SimulatedVsphere, scheme: 'esx' | 'vpx', path: string) {
  const folder = tempFolder(onTestFinished)
  const { user, password } = administrator
  const lines = [
    '[credentials-t]',
    `username=${user}`,
    `password=${password}`,
    `[auth-esx-${host}]`,
    'credentials=t',
    '',
  ]
  writeFileSync(folder.at('auth.conf'), lines.join('\n'))
  const uri = `${scheme}://${encodeURIComponent(user)}@${host}:${port}/${path}?no_verify=1`
  const environment = [`LIBVIRT_AUTH_FILE=${folder.at('auth.conf')}`, 'LIBVIRT_LOG_OUTPUTS=4:file:/dev/null']
  return (...args: readonly string[]) => run('env', ...environment, 'timeout', '60', 'virsh', '-q', '-c', uri, ...args)
}

describe.skipIf(skipsWithout('vsphere', 'libvirt-clients'))('libvirt', () => {
  it.each([
    { server: 'vcenter' as const, scheme: 'vpx' as const, path: 'DC0/DC0_H0' },
    { server: 'esxi' as const, scheme: 'esx' as const, path: '' },
  ])('finds its way in a simulated $server over TLS', async ({ server, scheme, path }) => {
    await using vsphere = await startVsphere({ server, machines: 1, disks: 2 })
    const virsh = virshOf(vsphere, scheme, path)
    expect(virsh('list', '--all')).toMatch(/^ *\d+ +vm1 +running\n$/)
    expect(virsh('dominfo', 'vm1')).toMatch(/CPU\(s\): +1\nMax memory: +262144 KiB/)
    expect(virsh('dumpxml', 'vm1')).toContain("<source file='[datastore1] vm1/vm1_1.vmdk'/>")
    virsh('snapshot-create-as', 'vm1', 'first', '--quiesce')
    virsh('snapshot-create-as', 'vm1', 'second')
    expect(virsh('snapshot-parent', 'vm1', 'second')).toBe('first')
    expect(virsh('dumpxml', 'vm1')).toContain("<source file='[datastore1] vm1/vm1-000002.vmdk'/>")
    virsh('snapshot-delete', 'vm1', 'first')
    expect(virsh('snapshot-list', 'vm1', '--name').trim()).toBe('second')
    virsh('snapshot-delete', 'vm1', 'second')
    expect(virsh('snapshot-list', 'vm1', '--name').trim()).toBe('')
    expect(virsh('dumpxml', 'vm1')).toContain("<source file='[datastore1] vm1/vm1.vmdk'/>")
    virsh('destroy', 'vm1')
    expect(virsh('domstate', 'vm1').trim()).toBe('shut off')
    virsh('start', 'vm1')
    expect(virsh('domstate', 'vm1').trim()).toBe('running')
    expect((await vsphere.control.counters()).snapshots).toEqual({ now: 0, max: 2 })
  })

  it('is refused with a wrong password', async () => {
    await using vsphere = await startVsphere({ machines: 1 })
    const virsh = virshOf(
      { ...vsphere, administrator: { ...vsphere.administrator, password: 'wrong' } },
      'vpx',
      'DC0/DC0_H0',
    )
    expect(() => virsh('list')).toThrow('incorrect user name or password')
  })
})

describe.skipIf(skipsWithout('vsphere'))("govmomi's client", () => {
  const folder = tempFolder(afterAll)
  let vsphere: SimulatedVsphere
  let program: string
  beforeAll(async () => {
    program = await buildGo(join(import.meta.dirname, 'govmomi-client'))
    vsphere = await startVsphere({ hosts: 2, datastores: 2, disks: 2 })
  })
  afterAll(async () => await vsphere?.stop())

  function client<T>(...args: readonly string[]): T {
    const { url, caFile = '', administrator } = vsphere
    return JSON.parse(
      run('timeout', '60', program, url, caFile, administrator.user, administrator.password, ...args),
    ) as T
  }
  interface Areas {
    readonly file: string
    readonly changeId: string
    readonly pages: number
    readonly areas: readonly { readonly Start: number; readonly Length: number }[]
  }
  const liveOf = async (name: string, disk = 0) => (await vsphere.control.machine(name)).disks[disk]!.live

  it('lists the machines page by page', () => {
    expect(client('names')).toEqual({ names: ['vm1', 'vm2'], pages: 2 })
  })

  it('is told what changed since which snapshot, in pages', async () => {
    const { control } = vsphere
    const { changeId: first, areas } = client<Areas>('areas', 'vm1', '*')
    expect(areas).toEqual([])
    for (const at of [1, 9]) await control.write('vm1', 0, at * mib - 1, Uint8Array.of(1, 2))
    await control.limitChangedAreas(1)
    const second = client<Areas>('areas', 'vm1', first)
    await control.limitChangedAreas(0)
    expect(second).toMatchObject({ file: '[datastore1] vm1/vm1.vmdk', pages: 2 })
    expect(second.areas).toEqual([1, 9].map((at) => ({ Start: at * mib - 65_536, Length: 131_072 })))
    await control.write('vm1', 0, 3 * mib, Uint8Array.of(1))
    expect(client<Areas>('areas', 'vm1', second.changeId).areas).toEqual([{ Start: 3 * mib, Length: 65_536 }])
    expect(client<Areas>('areas', 'vm1', first).areas).toHaveLength(3)
    expect(client<Areas>('areas', 'vm1', '*').areas).toHaveLength(3)
    expect(() => client('areas', 'vm1', `${first}0`)).toThrow('Error caused by file')
  })

  it('keeps its change ids through vMotion, and loses them by Storage vMotion', async () => {
    const { changeId } = client<Areas>('areas', 'vm2', '*')
    client('move', 'vm2', 'DC0_H0', '')
    expect((await vsphere.control.machine('vm2')).host).toBe('DC0_H0')
    expect(client<Areas>('areas', 'vm2', changeId).areas).toEqual([])
    client('move', 'vm2', '', 'datastore1')
    expect(await liveOf('vm2')).toBe(join(vsphere.datastores[0]!.folder, 'vm2', 'vm2-flat.vmdk'))
    expect(() => client('areas', 'vm2', changeId)).toThrow('Error caused by file')
    expect(client<Areas>('areas', 'vm2', '*').changeId.split('/')[0]).not.toBe(changeId.split('/')[0])
  })

  it('downloads the disks of a snapshot, which qemu-img reads, and uploads one', async () => {
    await vsphere.control.write('vm1', 1, 5 * mib, new Uint8Array(100_000).fill(7))
    mkdirSync(folder.at('export'))
    const files = client<readonly string[]>('export', 'vm1', folder.at('export'))
    expect(files).toEqual(['disk-0.vmdk', 'disk-1.vmdk'])
    const stream = folder.at('export', 'disk-1.vmdk')
    expect(run('qemu-img', 'info', stream)).toContain('create type: streamOptimized')
    expect(run('qemu-img', 'compare', '-f', 'vmdk', '-F', 'raw', stream, await liveOf('vm1', 1))).toContain('identical')
    const ref = client<string>('import', 'restored', stream, String(16 * mib))
    const made = await vsphere.control.machine('restored')
    expect(made).toMatchObject({ ref, power: 'poweredOff', disks: [{ bytes: 16 * mib }] })
    const { live } = made.disks[0]!
    expect(run('qemu-img', 'compare', '-f', 'vmdk', '-F', 'raw', stream, live)).toContain('identical')
    expect(run('qemu-img', 'compare', '-f', 'vmdk', stream, live.replace('-flat', ''))).toContain('identical')
    expect(() => client('import', 'smaller', stream, String(8 * mib))).toThrow()
  })

  it('runs programs in guests', async () => {
    const { user, password } = vsphere.guest
    const { guestFolder } = await vsphere.control.machine('vm1')
    const script = `-c 'echo "$0 $1" > out; exit 3' one two`
    expect(client('guest', 'vm1', user, password, '/bin/sh', script)).toEqual({ name: 'sh', exitCode: 3 })
    expect(readFileSync(join(guestFolder, 'out'), 'utf8')).toBe('one two\n')
    expect(() => client('guest', 'vm1', user, 'wrong', '/bin/sh', '')).toThrow('Failed to authenticate with the guest')
    expect(() => client('guest', 'vm1', user, password, '/no/such', '')).toThrow('was not found')
    await vsphere.control.setTools('vm1', { installed: true, running: false })
    expect(() => client('guest', 'vm1', user, password, '/bin/sh', '')).toThrow('could not be contacted')
    await vsphere.control.setTools('vm1', { installed: true, running: true })
  })

  it('gives machines attributes and tags', () => {
    expect(client('attribute', 'vm1', 'backup', 'daily')).toEqual(['daily'])
    expect(client('tags', 'vm1', 'gold')).toEqual(['gold'])
  })
})
