import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run, skipsWithout, startVsphere } from 'holdfast-lab'
import { describe, expect, it, vi } from 'vitest'
import { vsphereSite } from './support/vsphere-site.ts'
import { element } from './support/vsphere-soap.ts'

const mib = 2 ** 20

describe.skipIf(skipsWithout('vsphere'))('a simulated vSphere', () => {
  const site = vsphereSite({ tls: false, machines: 1, leaseSeconds: 2 })

  it('lets nobody in but its users, and lets the reader change nothing', async () => {
    expect(await site.soap.now()).toMatchObject({ status: 500, text: expect.stringContaining('NotAuthenticatedFault') })
    const wrong = await site.soap.login({ ...site.vsphere.administrator, password: 'wrong' })
    expect(wrong).toMatchObject({ status: 500, text: expect.stringContaining('InvalidLoginFault') })
    await site.soap.login(site.vsphere.reader)
    expect((await site.soap.now()).status).toBe(200)
    const { status, text } = await site.soap.call('RemoveAllSnapshots_Task', 'VirtualMachine', site.vm)
    expect(status).toBe(500)
    expect(text).toContain(`<object type="VirtualMachine">${site.vm}</object>`)
    expect(element(text, 'privilegeId')).toBe('VirtualMachine.State.RemoveSnapshot')
    expect((await site.folder('vm1/a', { method: 'PUT', body: 'x' }, site.vsphere.reader)).status).toBe(403)
    expect((await site.folder('vm1/vm1.vmx', {}, { user: 'x', password: 'y' })).status).toBe(401)
  })

  it('tells its versions', async () => {
    const text = await (await fetch(`${site.vsphere.url}/vimServiceVersions.xml`)).text()
    expect(text).toMatch(/<name>urn:vim25<\/name>\s*<version>7.0.3.0<\/version>\s*<priorVersions>\s*<version>6.7.3</)
    const { text: content } = await site.soap.call('RetrieveServiceContent', 'ServiceInstance', 'ServiceInstance')
    expect(element(content, 'apiVersion')).toBe('7.0.3.0')
  })

  it('serves, takes and removes files of datastores', async () => {
    expect((await site.folder('vm1/new.bin', { method: 'PUT', body: 'content' })).status).toBe(201)
    expect((await site.folder('vm1/new.bin', { method: 'PUT', body: 'contents' })).status).toBe(200)
    expect(readFileSync(join(site.vsphere.datastores[0]!.folder, 'vm1/new.bin'), 'utf8')).toBe('contents')
    const part = await site.folder('vm1/new.bin', { headers: { Range: 'bytes=3-5' } })
    expect([part.status, part.headers.get('content-range'), await part.text()]).toEqual([206, 'bytes 3-5/8', 'ten'])
    const head = await site.folder('vm1/new.bin', { method: 'HEAD' })
    expect([head.status, head.headers.get('content-length')]).toEqual([200, '8'])
    expect((await site.folder('vm1/new.bin', { method: 'DELETE' })).status).toBe(200)
    expect((await site.folder('vm1/new.bin')).status).toBe(404)
    expect((await site.folder('../../certificate.pem')).status).toBe(404)
    expect((await site.vsphere.control.counters()).folderBytes).toBe(7 + 8 + 3)
  })

  it('searches datastores, makes folders in them, and deletes what no running machine has', async () => {
    await site.soap.login(site.vsphere.administrator)
    const center = '<datacenter type="Datacenter">datacenter-2</datacenter>'
    await site.soap.call('MakeDirectory', 'FileManager', 'FileManager', `<name>[datastore1] made</name>${center}`)
    await site.folder('made/new.vmdk', { method: 'PUT', body: 'content' })
    const remove = async (name: string) =>
      await site.soap.task(
        'DeleteDatastoreFile_Task',
        'FileManager',
        'FileManager',
        `<name>[datastore1] ${name}</name>${center}`,
      )
    const store =
      element(await site.soap.fetchProperty('VirtualMachine', site.vm, 'datastore'), 'ManagedObjectReference') ?? ''
    const browser = element(await site.soap.fetchProperty('Datastore', store, 'browser'), 'returnval') ?? ''
    const search = async () =>
      await site.soap.task(
        'SearchDatastore_Task',
        'HostDatastoreBrowser',
        browser,
        '<datastorePath>[datastore1] made</datastorePath>',
      )
    expect(await search()).toContain('<path>new.vmdk</path>')
    expect(await remove('made/new.vmdk')).toContain('success')
    expect(await search()).not.toContain('<path>new.vmdk</path>')
    expect(await remove('vm1/vm1-flat.vmdk')).toContain('xsi:type="FileLocked"')
    expect(await remove('vm1')).toContain('xsi:type="FileLocked"')
    expect(existsSync((await site.vsphere.control.machine('vm1')).disks[0]!.live)).toBe(true)
  })

  it('forgets a machine that is destroyed, with its snapshots and files', async () => {
    await site.soap.login(site.vsphere.administrator)
    const { ref } = await site.soap.snapshot(site.vm, false)
    expect(await site.soap.task('Destroy_Task', 'VirtualMachine', site.vm)).toContain('xsi:type="InvalidPowerState"')
    expect((await site.vsphere.control.counters()).snapshots.now).toBe(1)
    await site.soap.task('PowerOffVM_Task', 'VirtualMachine', site.vm)
    expect(await site.soap.task('Destroy_Task', 'VirtualMachine', site.vm)).toContain('success')
    expect(await site.vsphere.control.machines()).toEqual([])
    expect(await site.soap.fetchProperty('VirtualMachineSnapshot', ref, 'config')).toContain('ManagedObjectNotFound')
    expect((await site.vsphere.control.counters()).snapshots).toEqual({ now: 0, max: 1 })
    expect(readdirSync(site.vsphere.datastores[0]!.folder)).toEqual([])
  })

  it('fails, delays and counts calls as it is told', async () => {
    const { control } = site.vsphere
    await site.soap.login(site.vsphere.administrator)
    await control.failCalls(
      { method: 'CurrentTime', times: 2, skip: 1 },
      { type: 'HostCommunication', message: 'No answer' },
    )
    const times = [await site.soap.now(), await site.soap.now(), await site.soap.now(), await site.soap.now()]
    expect(times.map(({ status }) => status)).toEqual([200, 500, 500, 200])
    expect(times[1]?.text).toMatch(
      /<faultstring>No answer<\/faultstring>.*<HostCommunicationFault .*xsi:type="HostCommunication"/,
    )
    const inTask = { method: 'CreateSnapshot_Task', inTask: true }
    await control.failCalls(inTask, { type: 'FileLocked', properties: { file: 'vm1.vmdk' } })
    expect((await site.soap.snapshot(site.vm, false)).info).toMatch(/xsi:type="FileLocked"><file>vm1.vmdk</)
    expect((await control.counters()).snapshots).toEqual({ now: 0, max: 0 })
    await control.delayCalls({ method: 'CurrentTime' }, 400)
    const begin = performance.now()
    await site.soap.now()
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
    const { control } = site.vsphere
    await site.folder('vm1/data', { method: 'PUT', body: new Uint8Array(500_000) })
    await control.spoilTransfers({ kind: 'folder', status: 503, times: 2 })
    for (const status of [503, 503, 200]) expect((await site.folder('vm1/data')).status).toBe(status)
    await control.spoilTransfers({ kind: 'folder', path: 'data', after: 100_000 })
    const cut = await site.folder('vm1/data')
    expect(cut.status).toBe(200)
    await expect(cut.arrayBuffer()).rejects.toThrow('terminated')
    await control.spoilTransfers({ kind: 'folder', after: 100_000, stallMs: 300 })
    const begin = performance.now()
    expect((await (await site.folder('vm1/data')).arrayBuffer()).byteLength).toBe(500_000)
    expect(performance.now() - begin).toBeGreaterThan(290)
    await control.spoilTransfers({ kind: 'folder', status: 500, times: 10 })
    await control.clearFaults()
    expect((await site.folder('vm1/data')).status).toBe(200)
  })

  it('ends leases that nobody tells progress of, or that are aborted', async () => {
    await site.soap.login(site.vsphere.administrator)
    const { ref } = await site.soap.snapshot(site.vm, false)
    const begin = async () => {
      const { text } = await site.soap.call('ExportSnapshot', 'VirtualMachineSnapshot', ref)
      const lease = element(text, 'returnval') ?? ''
      const info = await site.soap.fetchProperty('HttpNfcLease', lease, 'info')
      return { lease, url: element(info, 'url') ?? '', key: element(info, 'key') }
    }
    const state = async (lease: string) =>
      element(await site.soap.fetchProperty('HttpNfcLease', lease, 'state'), 'returnval')
    const first = await begin()
    expect(first.key).toBe(`/${site.vm}/ParaVirtualSCSIController0:0`)
    for (const percent of [10, 20, 30]) {
      await new Promise((resolve) => setTimeout(resolve, 900))
      const { status } = await site.soap.call(
        'HttpNfcLeaseProgress',
        'HttpNfcLease',
        first.lease,
        `<percent>${percent}</percent>`,
      )
      expect(status).toBe(200)
    }
    expect((await (await fetch(first.url)).arrayBuffer()).byteLength).toBeGreaterThan(60_000)
    const { text: manifest } = await site.soap.call('HttpNfcLeaseGetManifest', 'HttpNfcLease', first.lease)
    expect(element(manifest, 'sha1')).toMatch(/^[0-9a-f]{40}$/)
    await vi.waitFor(async () => expect(await state(first.lease)).toBe('error'), { timeout: 5000, interval: 100 })
    expect((await fetch(first.url)).status).toBe(404)
    const second = await begin()
    expect(await site.vsphere.control.abortLeases()).toBe(1)
    expect(await state(second.lease)).toBe('error')
    const third = await begin()
    expect((await site.soap.call('HttpNfcLeaseComplete', 'HttpNfcLease', third.lease)).status).toBe(200)
    expect(await state(third.lease)).toBe('done')
    const { text } = await site.soap.call('ExportVm', 'VirtualMachine', site.vm)
    expect(text).toContain('xsi:type="InvalidPowerState"')
  })

  it('forgets sessions that expire, and everybody when it restarts', async () => {
    await site.soap.login(site.vsphere.administrator)
    expect(await site.vsphere.control.expireSessions()).toBe(1)
    expect((await site.soap.now()).text).toContain('NotAuthenticatedFault')
    expect((await site.soap.login(site.vsphere.administrator)).status).toBe(200)
    await site.vsphere.control.restart(300)
    await expect(site.soap.now()).rejects.toThrow('fetch failed')
    await vi.waitFor(async () => expect((await site.soap.now()).text).toContain('NotAuthenticatedFault'), {
      timeout: 5000,
    })
    expect((await site.soap.login(site.vsphere.administrator)).status).toBe(200)
  })

  it('takes machines that are made of files, and no others', async () => {
    await site.soap.login(site.vsphere.administrator)
    const host = await site.soap.fetchProperty('VirtualMachine', site.vm, 'resourcePool')
    const parent = element(await site.soap.fetchProperty('VirtualMachine', site.vm, 'parent'), 'returnval') ?? ''
    const pool = `<pool type="ResourcePool">${element(host, 'returnval')}</pool>`
    await site.folder('copy/copy-flat.vmdk', { method: 'PUT', body: new Uint8Array(mib).fill(5) })
    const descriptor = `createType="vmfs"\nversion=1\nCID=1\nparentCID=ffffffff\n\nRW ${mib / 512} VMFS "copy-flat.vmdk"\n`
    await site.folder('copy/copy.vmdk', { method: 'PUT', body: `# Disk DescriptorFile\n${descriptor}` })
    const vmx = ['displayName = "copy"', 'memSize = "512"', 'scsi0.present = "TRUE"', 'scsi0.virtualDev = "lsilogic"']
    vmx.push('scsi0:0.present = "TRUE"', 'scsi0:0.fileName = "copy.vmdk"', '')
    await site.folder('copy/copy.vmx', { method: 'PUT', body: vmx.join('\n') })
    const register = `<path>[datastore1] copy/copy.vmx</path><name>copy</name><asTemplate>false</asTemplate>${pool}`
    expect(await site.soap.task('RegisterVM_Task', 'Folder', parent, register)).toContain('success')
    expect((await site.vsphere.control.machine('copy')).disks).toMatchObject([
      { file: '[datastore1] copy/copy.vmdk', bytes: mib },
    ])
    const config = (file: string) =>
      `<config><name>made</name><files><vmPathName>[datastore1]</vmPathName></files><deviceChange><operation>add</operation>` +
      '<device xsi:type="VirtualLsiLogicController"><key>1000</key><busNumber>0</busNumber><sharedBus>noSharing</sharedBus></device>' +
      '</deviceChange><deviceChange><operation>add</operation><device xsi:type="VirtualDisk"><key>2000</key>' +
      `<backing xsi:type="VirtualDiskFlatVer2BackingInfo"><fileName>${file}</fileName><diskMode>persistent</diskMode></backing>` +
      `<controllerKey>1000</controllerKey><unitNumber>0</unitNumber><capacityInKB>1</capacityInKB></device></deviceChange></config>${pool}`
    const missing = await site.soap.task('CreateVM_Task', 'Folder', parent, config('[datastore1] copy/none.vmdk'))
    expect(missing).toContain('xsi:type="FileNotFound"')
    const made = await site.soap.task('CreateVM_Task', 'Folder', parent, config('[datastore1] copy/copy.vmdk'))
    expect(made).toContain('success')
    expect((await site.vsphere.control.machine('made')).disks).toMatchObject([{ key: 2000, bytes: mib }])
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
