import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { run, type SimulatedVsphere, skipsWithout, startVsphere } from 'holdfast-lab'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { element, soapClient } from './support/vsphere-soap.ts'

const mib = 2 ** 20

describe.skipIf(skipsWithout('vsphere'))('a simulated vSphere', () => {
  let vsphere: SimulatedVsphere
  let soap: ReturnType<typeof soapClient>
  let vm: string
  beforeEach(async () => {
    vsphere = await startVsphere({ tls: false, machines: 1, leaseSeconds: 2 })
    soap = soapClient(vsphere)
    vm = (await vsphere.control.machine('vm1')).ref
  })
  afterEach(async () => await vsphere?.stop())

  const folder = async (path: string, init: RequestInit = {}, user = vsphere.administrator) => {
    const base = `${vsphere.url.replace('/sdk', '/folder')}/${path}?dcPath=DC0&dsName=datastore1`
    const basic = Buffer.from(`${user.user}:${user.password}`).toString('base64')
    return await fetch(base, { ...init, headers: { Authorization: `Basic ${basic}`, ...init.headers } })
  }
  const firstByte = async (path: string) => {
    const response = await folder(path, { headers: { Range: 'bytes=0-0' } })
    return response.status === 206 ? new Uint8Array(await response.arrayBuffer())[0] : response.status
  }
  const write = (byte: number) => vsphere.control.write('vm1', 0, 0, Uint8Array.of(byte))

  it('lets nobody in but its users, and lets the reader change nothing', async () => {
    expect(await soap.now()).toMatchObject({ status: 500, text: expect.stringContaining('NotAuthenticatedFault') })
    const wrong = await soap.login({ ...vsphere.administrator, password: 'wrong' })
    expect(wrong).toMatchObject({ status: 500, text: expect.stringContaining('InvalidLoginFault') })
    await soap.login(vsphere.reader)
    expect((await soap.now()).status).toBe(200)
    const { status, text } = await soap.call('RemoveAllSnapshots_Task', 'VirtualMachine', vm)
    expect(status).toBe(500)
    expect(text).toContain(`<object type="VirtualMachine">${vm}</object>`)
    expect(element(text, 'privilegeId')).toBe('VirtualMachine.State.RemoveSnapshot')
    expect((await folder('vm1/a', { method: 'PUT', body: 'x' }, vsphere.reader)).status).toBe(403)
    expect((await folder('vm1/vm1.vmx', {}, { user: 'x', password: 'y' })).status).toBe(401)
  })

  it('tells its versions', async () => {
    const text = await (await fetch(`${vsphere.url}/vimServiceVersions.xml`)).text()
    expect(text).toMatch(/<name>urn:vim25<\/name>\s*<version>7.0.3.0<\/version>\s*<priorVersions>\s*<version>6.7.3</)
    const { text: content } = await soap.call('RetrieveServiceContent', 'ServiceInstance', 'ServiceInstance')
    expect(element(content, 'apiVersion')).toBe('7.0.3.0')
  })

  it('freezes the file of a disk by a snapshot, and keeps what the guest wrote after it', async () => {
    await soap.login(vsphere.administrator)
    await write(1)
    expect(await firstByte('vm1/vm1-flat.vmdk')).toBe(500)
    const first = await soap.snapshot(vm, false)
    await write(2)
    expect(await firstByte('vm1/vm1-flat.vmdk')).toBe(1)
    expect(await firstByte('vm1/vm1-000001-flat.vmdk')).toBe(500)
    const second = await soap.snapshot(vm, false)
    await write(3)
    expect(await firstByte('vm1/vm1-000001-flat.vmdk')).toBe(2)
    const inSecond = await soap.fetchProperty('VirtualMachineSnapshot', second.ref, 'config.hardware.device')
    expect(inSecond).toContain('<fileName>[datastore1] vm1/vm1-000001.vmdk</fileName>')
    await soap.removeSnapshot(first.ref)
    expect(await firstByte('vm1/vm1-flat.vmdk')).toBe(2)
    expect(await soap.fetchProperty('VirtualMachineSnapshot', second.ref, 'config.hardware.device')).toContain(
      '<fileName>[datastore1] vm1/vm1.vmdk</fileName>',
    )
    await soap.removeSnapshot(second.ref)
    const { disks } = await vsphere.control.machine('vm1')
    expect(disks[0]?.file).toBe('[datastore1] vm1/vm1.vmdk')
    expect(readFileSync(disks[0]!.live)[0]).toBe(3)
    expect(readdirSync(dirname(disks[0]!.live)).filter((name) => name.includes('-0000'))).toEqual([])
    expect(run('qemu-img', 'info', disks[0]!.live.replace('-flat', ''))).toContain('virtual size: 16 MiB')
  })

  it('keeps the file that the guest has open through all snapshots', async () => {
    await soap.login(vsphere.administrator)
    const live = async () => (await vsphere.control.machine('vm1')).disks[0]!.live
    const inode = async () => run('stat', '--format=%i', await live())
    const before = await inode()
    const { ref } = await soap.snapshot(vm, false)
    expect(await inode()).toBe(before)
    await soap.removeSnapshot(ref)
    expect(await inode()).toBe(before)
  })

  it('leaves work to consolidation where a removal merges nothing', async () => {
    await soap.login(vsphere.administrator)
    const { ref } = await soap.snapshot(vm, false)
    await write(9)
    await soap.removeSnapshot(ref, '<consolidate>false</consolidate>')
    expect(await vsphere.control.machine('vm1')).toMatchObject({ consolidationNeeded: true, snapshots: 0 })
    expect(await soap.task('ConsolidateVMDisks_Task', 'VirtualMachine', vm)).toContain('success')
    const { consolidationNeeded, disks } = await vsphere.control.machine('vm1')
    expect(consolidationNeeded).toBe(false)
    expect(disks[0]?.file).toBe('[datastore1] vm1/vm1.vmdk')
    expect(readFileSync(disks[0]!.live)[0]).toBe(9)
    await vsphere.control.setConsolidationNeeded('vm1', true)
    expect(await soap.fetchProperty('VirtualMachine', vm, 'runtime.consolidationNeeded')).toContain('>true<')
  })

  it('goes back to a snapshot', async () => {
    await soap.login(vsphere.administrator)
    await write(1)
    const { ref } = await soap.snapshot(vm, false)
    await write(2)
    expect(await soap.task('RevertToSnapshot_Task', 'VirtualMachineSnapshot', ref)).toContain('success')
    expect(readFileSync((await vsphere.control.machine('vm1')).disks[0]!.live)[0]).toBe(1)
    await soap.task('RemoveAllSnapshots_Task', 'VirtualMachine', vm)
    expect(readFileSync((await vsphere.control.machine('vm1')).disks[0]!.live)[0]).toBe(1)
  })

  it('quiesces by the scripts of the guest, and fails where they fail or VMware Tools are missing', async () => {
    await soap.login(vsphere.administrator)
    const { guestFolder } = await vsphere.control.machine('vm1')
    const script = (name: string, text: string) => {
      writeFileSync(join(guestFolder, name), `#!/bin/sh\n${text}\n`)
      chmodSync(join(guestFolder, name), 0o755)
    }
    script('pre-freeze-script', 'echo "$1" >> log')
    script('post-thaw-script', 'echo "$1" >> log')
    const log = () => readFileSync(join(guestFolder, 'log'), 'utf8').split('\n').slice(0, -1)
    await soap.snapshot(vm, false)
    expect(existsSync(join(guestFolder, 'log'))).toBe(false)
    const wish = '<name>x</name><memory>false</memory><quiesceSpec xsi:type="VirtualMachineGuestQuiesceSpec"/>'
    expect(await soap.task('CreateSnapshotEx_Task', 'VirtualMachine', vm, wish)).toContain('success')
    expect(log()).toEqual(['freeze', 'thaw'])
    script('pre-freeze-script', 'exit 1')
    expect((await soap.snapshot(vm, true)).info).toContain('xsi:type="ApplicationQuiesceFault"')
    expect(log()).toEqual(['freeze', 'thaw', 'freezeFail'])
    await vsphere.control.setTools('vm1', { installed: true, running: false })
    expect((await soap.snapshot(vm, true)).info).toContain('xsi:type="ToolsUnavailable"')
    await vsphere.control.setTools('vm1', { installed: false, running: false })
    expect((await soap.snapshot(vm, true)).info).toContain('xsi:type="NotSupported"')
    expect((await vsphere.control.counters()).snapshots).toEqual({ now: 2, max: 2 })
  })

  it('gives change ids only after tracking was switched on, and takes none that it did not give', async () => {
    await soap.login(vsphere.administrator)
    const changeIdOf = async (ref: string) =>
      element(await soap.fetchProperty('VirtualMachineSnapshot', ref, 'config.hardware.device'), 'changeId')
    const before = await soap.snapshot(vm, false)
    expect(await changeIdOf(before.ref)).toBeUndefined()
    await soap.removeSnapshot(before.ref)
    const track = (isOn: boolean) =>
      soap.task(
        'ReconfigVM_Task',
        'VirtualMachine',
        vm,
        `<spec><changeTrackingEnabled>${isOn}</changeTrackingEnabled></spec>`,
      )
    await track(true)
    const { ref } = await soap.snapshot(vm, false)
    const id = await changeIdOf(ref)
    expect(id).toMatch(/^([0-9a-f]{2} ){7}[0-9a-f]{2}-([0-9a-f]{2} ){7}[0-9a-f]{2}\/1$/)
    expect((await vsphere.control.machine('vm1')).disks[0]?.changeId).toBe(id?.replace('/1', '/2'))
    const query = async (since: string, start = 0) =>
      await soap.call(
        'QueryChangedDiskAreas',
        'VirtualMachine',
        vm,
        `<snapshot type="VirtualMachineSnapshot">${ref}</snapshot><deviceKey>2000</deviceKey>` +
          `<startOffset>${start}</startOffset><changeId>${since}</changeId>`,
      )
    expect((await query('*')).text).toContain(`<length>${16 * mib}</length>`)
    expect((await query('*', 16 * mib)).text).toContain('<invalidProperty>startOffset</invalidProperty>')
    expect((await query('a/1')).text).toContain('xsi:type="FileFault"')
    await vsphere.control.resetTracking('vm1')
    expect((await query(id ?? '')).text).toContain('xsi:type="FileFault"')
    await track(false)
    expect(await changeIdOf((await soap.snapshot(vm, false)).ref)).toBeUndefined()
  })

  it('serves, takes and removes files of datastores', async () => {
    expect((await folder('vm1/new.bin', { method: 'PUT', body: 'content' })).status).toBe(201)
    expect((await folder('vm1/new.bin', { method: 'PUT', body: 'contents' })).status).toBe(200)
    expect(readFileSync(join(vsphere.datastores[0]!.folder, 'vm1/new.bin'), 'utf8')).toBe('contents')
    const part = await folder('vm1/new.bin', { headers: { Range: 'bytes=3-5' } })
    expect([part.status, part.headers.get('content-range'), await part.text()]).toEqual([206, 'bytes 3-5/8', 'ten'])
    const head = await folder('vm1/new.bin', { method: 'HEAD' })
    expect([head.status, head.headers.get('content-length')]).toEqual([200, '8'])
    expect((await folder('vm1/new.bin', { method: 'DELETE' })).status).toBe(200)
    expect((await folder('vm1/new.bin')).status).toBe(404)
    expect((await folder('../../certificate.pem')).status).toBe(404)
    expect((await vsphere.control.counters()).folderBytes).toBe(7 + 8 + 3)
  })

  it('fails, delays and counts calls as it is told', async () => {
    const { control } = vsphere
    await soap.login(vsphere.administrator)
    await control.failCalls(
      { method: 'CurrentTime', times: 2, skip: 1 },
      { type: 'HostCommunication', message: 'No answer' },
    )
    const times = [await soap.now(), await soap.now(), await soap.now(), await soap.now()]
    expect(times.map(({ status }) => status)).toEqual([200, 500, 500, 200])
    expect(times[1]?.text).toMatch(
      /<faultstring>No answer<\/faultstring>.*<HostCommunicationFault .*xsi:type="HostCommunication"/,
    )
    const inTask = { method: 'CreateSnapshot_Task', inTask: true }
    await control.failCalls(inTask, { type: 'FileLocked', properties: { file: 'vm1.vmdk' } })
    expect((await soap.snapshot(vm, false)).info).toMatch(/xsi:type="FileLocked"><file>vm1.vmdk</)
    expect((await control.counters()).snapshots).toEqual({ now: 0, max: 0 })
    await control.delayCalls({ method: 'CurrentTime' }, 400)
    const begin = performance.now()
    await soap.now()
    expect(performance.now() - begin).toBeGreaterThan(390)
    await expect(control.failCalls({ method: 'Login' }, { type: 'NoSuchThing' })).rejects.toThrow(
      'no fault "NoSuchThing"',
    )
    expect((await control.counters()).calls).toMatchObject({ CurrentTime: 5, CreateSnapshot_Task: 1, Login: 1 })
    const talks = await control.conversations()
    expect(talks.filter(({ method }) => method === 'CurrentTime').map(({ status }) => status)).toEqual([
      200, 500, 500, 200, 200,
    ])
    expect(talks[0]).toMatchObject({ method: 'Login', request: expect.stringContaining('<userName>') })
    expect(await control.conversations()).toEqual([])
  })

  it('spoils transfers as it is told', async () => {
    const { control } = vsphere
    await folder('vm1/data', { method: 'PUT', body: new Uint8Array(500_000) })
    await control.spoilTransfers({ kind: 'folder', status: 503, times: 2 })
    for (const status of [503, 503, 200]) expect((await folder('vm1/data')).status).toBe(status)
    await control.spoilTransfers({ kind: 'folder', path: 'data', after: 100_000 })
    const cut = await folder('vm1/data')
    expect(cut.status).toBe(200)
    await expect(cut.arrayBuffer()).rejects.toThrow('terminated')
    await control.spoilTransfers({ kind: 'folder', after: 100_000, stallMs: 300 })
    const begin = performance.now()
    expect((await (await folder('vm1/data')).arrayBuffer()).byteLength).toBe(500_000)
    expect(performance.now() - begin).toBeGreaterThan(290)
    await control.spoilTransfers({ kind: 'folder', status: 500, times: 10 })
    await control.clearFaults()
    expect((await folder('vm1/data')).status).toBe(200)
  })

  it('ends leases that nobody tells progress of, or that are aborted', async () => {
    await soap.login(vsphere.administrator)
    const { ref } = await soap.snapshot(vm, false)
    const begin = async () => {
      const { text } = await soap.call('ExportSnapshot', 'VirtualMachineSnapshot', ref)
      const lease = element(text, 'returnval') ?? ''
      const info = await soap.fetchProperty('HttpNfcLease', lease, 'info')
      return { lease, url: element(info, 'url') ?? '', key: element(info, 'key') }
    }
    const state = async (lease: string) =>
      element(await soap.fetchProperty('HttpNfcLease', lease, 'state'), 'returnval')
    const first = await begin()
    expect(first.key).toBe(`/${vm}/ParaVirtualSCSIController0:0`)
    for (const percent of [10, 20, 30]) {
      await new Promise((resolve) => setTimeout(resolve, 900))
      const { status } = await soap.call(
        'HttpNfcLeaseProgress',
        'HttpNfcLease',
        first.lease,
        `<percent>${percent}</percent>`,
      )
      expect(status).toBe(200)
    }
    expect((await fetch(first.url)).status).toBe(200)
    const { text: manifest } = await soap.call('HttpNfcLeaseGetManifest', 'HttpNfcLease', first.lease)
    expect(element(manifest, 'sha1')).toMatch(/^[0-9a-f]{40}$/)
    await vi.waitFor(async () => expect(await state(first.lease)).toBe('error'), { timeout: 5000, interval: 100 })
    expect((await fetch(first.url)).status).toBe(404)
    const second = await begin()
    expect(await vsphere.control.abortLeases()).toBe(1)
    expect(await state(second.lease)).toBe('error')
    const third = await begin()
    expect((await soap.call('HttpNfcLeaseComplete', 'HttpNfcLease', third.lease)).status).toBe(200)
    expect(await state(third.lease)).toBe('done')
    const { text } = await soap.call('ExportVm', 'VirtualMachine', vm)
    expect(text).toContain('xsi:type="InvalidPowerState"')
  })

  it('forgets sessions that expire, and everybody when it restarts', async () => {
    await soap.login(vsphere.administrator)
    expect(await vsphere.control.expireSessions()).toBe(1)
    expect((await soap.now()).text).toContain('NotAuthenticatedFault')
    expect((await soap.login(vsphere.administrator)).status).toBe(200)
    await vsphere.control.restart(300)
    await expect(soap.now()).rejects.toThrow('fetch failed')
    await vi.waitFor(async () => expect((await soap.now()).text).toContain('NotAuthenticatedFault'), { timeout: 5000 })
    expect((await soap.login(vsphere.administrator)).status).toBe(200)
  })

  it('takes machines that are made of files, and no others', async () => {
    await soap.login(vsphere.administrator)
    const host = await soap.fetchProperty('VirtualMachine', vm, 'resourcePool')
    const parent = element(await soap.fetchProperty('VirtualMachine', vm, 'parent'), 'returnval') ?? ''
    const pool = `<pool type="ResourcePool">${element(host, 'returnval')}</pool>`
    await folder('copy/copy-flat.vmdk', { method: 'PUT', body: new Uint8Array(mib).fill(5) })
    const descriptor = `createType="vmfs"\nversion=1\nCID=1\nparentCID=ffffffff\n\nRW ${mib / 512} VMFS "copy-flat.vmdk"\n`
    await folder('copy/copy.vmdk', { method: 'PUT', body: `# Disk DescriptorFile\n${descriptor}` })
    const vmx = ['displayName = "copy"', 'memSize = "512"', 'scsi0.present = "TRUE"', 'scsi0.virtualDev = "lsilogic"']
    vmx.push('scsi0:0.present = "TRUE"', 'scsi0:0.fileName = "copy.vmdk"', '')
    await folder('copy/copy.vmx', { method: 'PUT', body: vmx.join('\n') })
    const register = `<path>[datastore1] copy/copy.vmx</path><name>copy</name><asTemplate>false</asTemplate>${pool}`
    expect(await soap.task('RegisterVM_Task', 'Folder', parent, register)).toContain('success')
    expect((await vsphere.control.machine('copy')).disks).toMatchObject([
      { file: '[datastore1] copy/copy.vmdk', bytes: mib },
    ])
    const config = (file: string) =>
      `<config><name>made</name><files><vmPathName>[datastore1]</vmPathName></files><deviceChange><operation>add</operation>` +
      '<device xsi:type="VirtualLsiLogicController"><key>1000</key><busNumber>0</busNumber><sharedBus>noSharing</sharedBus></device>' +
      '</deviceChange><deviceChange><operation>add</operation><device xsi:type="VirtualDisk"><key>2000</key>' +
      `<backing xsi:type="VirtualDiskFlatVer2BackingInfo"><fileName>${file}</fileName><diskMode>persistent</diskMode></backing>` +
      `<controllerKey>1000</controllerKey><unitNumber>0</unitNumber><capacityInKB>1</capacityInKB></device></deviceChange></config>${pool}`
    const missing = await soap.task('CreateVM_Task', 'Folder', parent, config('[datastore1] copy/none.vmdk'))
    expect(missing).toContain('xsi:type="FileNotFound"')
    const made = await soap.task('CreateVM_Task', 'Folder', parent, config('[datastore1] copy/copy.vmdk'))
    expect(made).toContain('success')
    expect((await vsphere.control.machine('made')).disks).toMatchObject([{ key: 2000, bytes: mib }])
  })
})

describe.skipIf(skipsWithout('vsphere'))('startVsphere', () => {
  it('starts servers beside each other, and leaves nothing behind', async () => {
    const temporary = mkdtempSync(join(tmpdir(), 'hf-'))
    vi.stubEnv('TMPDIR', temporary)
    try {
      const options = { hosts: 2, cluster: true, datastores: 2, disks: 2, diskMib: 3 }
      const [one, other] = await Promise.all([
        startVsphere(options),
        startVsphere({ server: 'esxi', apiVersion: '8.0' }),
      ])
      expect(one.port).not.toBe(other.port)
      expect(run('curl', '-s', '--cacert', one.caFile ?? '', `${one.url}/vimServiceVersions.xml`)).toContain('7.0.3.0')
      expect(() => run('curl', '-s', `${one.url}/vimServiceVersions.xml`)).toThrow()
      const seen = run('openssl', 'x509', '-in', one.caFile ?? '', '-noout', '-fingerprint', '-sha256')
      expect(seen.trim().split('=')[1]).toBe(one.thumbprints?.sha256)
      const machines = await one.control.machines()
      expect(machines.flatMap(({ disks }) => disks.map(({ bytes }) => bytes))).toEqual([1, 2, 3, 4].map(() => 3 * mib))
      expect(other).toMatchObject({ dataCenter: 'ha-datacenter' })
      expect(readdirSync(temporary)).toHaveLength(2)
      for (const server of [one, other]) await server.stop()
      expect(() => process.kill(one.pid, 0)).toThrow('ESRCH')
      expect(readdirSync(temporary)).toEqual([])
    } finally {
      vi.unstubAllEnvs()
      rmSync(temporary, { recursive: true, force: true })
    }
  })

  it('ends with the process that started it, even when that is killed', async () => {
    const script = `
      import { startVsphere } from 'holdfast-lab'
      const { pid, datastores } = await startVsphere()
      console.log(JSON.stringify({ pid, folder: datastores[0].folder }))
      setInterval(() => {}, 1000)`
    const owner = spawn(process.execPath, ['--input-type=module', '--eval', script], {
      cwd: import.meta.dirname,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [line] = await once(owner.stdout, 'data')
    const { pid, folder } = JSON.parse(String(line))
    process.kill(pid, 0)
    owner.kill('SIGKILL')
    await vi.waitFor(() => expect(() => process.kill(pid, 0)).toThrow('ESRCH'), 10_000)
    rmSync(join(folder, '../..'), { recursive: true })
  })
})
