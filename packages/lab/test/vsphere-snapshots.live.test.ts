import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { run, skipsWithout } from 'holdfast-lab'
import { describe, expect, it } from 'vitest'
import { vsphereSite } from './support/vsphere-site.ts'
import { element } from './support/vsphere-soap.ts'

const mib = 2 ** 20

describe.skipIf(skipsWithout('vsphere'))('a snapshot of a simulated machine', () => {
  const site = vsphereSite({ tls: false, machines: 1 })

  it('freezes the file of a disk by a snapshot, and keeps what the guest wrote after it', async () => {
    await site.soap.login(site.vsphere.administrator)
    await site.write(1)
    expect(await site.firstByte('vm1/vm1-flat.vmdk')).toBe(500)
    const first = await site.soap.snapshot(site.vm, false)
    await site.write(2)
    expect(await site.firstByte('vm1/vm1-flat.vmdk')).toBe(1)
    expect(await site.firstByte('vm1/vm1-000001-flat.vmdk')).toBe(500)
    const second = await site.soap.snapshot(site.vm, false)
    await site.write(3)
    expect(await site.firstByte('vm1/vm1-000001-flat.vmdk')).toBe(2)
    const inSecond = await site.soap.fetchProperty('VirtualMachineSnapshot', second.ref, 'config.hardware.device')
    expect(inSecond).toContain('<fileName>[datastore1] vm1/vm1-000001.vmdk</fileName>')
    await site.soap.removeSnapshot(first.ref)
    expect(await site.firstByte('vm1/vm1-flat.vmdk')).toBe(2)
    expect(await site.soap.fetchProperty('VirtualMachineSnapshot', second.ref, 'config.hardware.device')).toContain(
      '<fileName>[datastore1] vm1/vm1.vmdk</fileName>',
    )
    await site.soap.removeSnapshot(second.ref)
    const { disks } = await site.vsphere.control.machine('vm1')
    expect(disks[0]?.file).toBe('[datastore1] vm1/vm1.vmdk')
    expect(readFileSync(disks[0]!.live)[0]).toBe(3)
    expect(readdirSync(dirname(disks[0]!.live)).filter((name) => name.includes('-0000'))).toEqual([])
    expect(run('qemu-img', 'info', disks[0]!.live.replace('-flat', ''))).toContain('virtual size: 16 MiB')
  })

  it('keeps the file that the guest has open through all snapshots', async () => {
    await site.soap.login(site.vsphere.administrator)
    const live = async () => (await site.vsphere.control.machine('vm1')).disks[0]!.live
    const inode = async () => run('stat', '--format=%i', await live())
    const before = await inode()
    const { ref } = await site.soap.snapshot(site.vm, false)
    expect(await inode()).toBe(before)
    await site.soap.removeSnapshot(ref)
    expect(await inode()).toBe(before)
  })

  it('leaves work to consolidation where a removal merges nothing', async () => {
    await site.soap.login(site.vsphere.administrator)
    const { ref } = await site.soap.snapshot(site.vm, false)
    await site.write(9)
    await site.soap.removeSnapshot(ref, '<consolidate>false</consolidate>')
    expect(await site.vsphere.control.machine('vm1')).toMatchObject({ consolidationNeeded: true, snapshots: 0 })
    expect(await site.soap.task('ConsolidateVMDisks_Task', 'VirtualMachine', site.vm)).toContain('success')
    const { consolidationNeeded, disks } = await site.vsphere.control.machine('vm1')
    expect(consolidationNeeded).toBe(false)
    expect(disks[0]?.file).toBe('[datastore1] vm1/vm1.vmdk')
    expect(readFileSync(disks[0]!.live)[0]).toBe(9)
    await site.vsphere.control.setConsolidationNeeded('vm1', true)
    expect(await site.soap.fetchProperty('VirtualMachine', site.vm, 'runtime.consolidationNeeded')).toContain('>true<')
  })

  it('goes back to a snapshot', async () => {
    await site.soap.login(site.vsphere.administrator)
    await site.write(1)
    const { ref } = await site.soap.snapshot(site.vm, false)
    await site.write(2)
    expect(await site.soap.task('RevertToSnapshot_Task', 'VirtualMachineSnapshot', ref)).toContain('success')
    expect(readFileSync((await site.vsphere.control.machine('vm1')).disks[0]!.live)[0]).toBe(1)
    await site.soap.task('RemoveAllSnapshots_Task', 'VirtualMachine', site.vm)
    expect(readFileSync((await site.vsphere.control.machine('vm1')).disks[0]!.live)[0]).toBe(1)
  })

  it('quiesces by the scripts of the guest, and fails where they fail or VMware Tools are missing', async () => {
    await site.soap.login(site.vsphere.administrator)
    const { guestFolder } = await site.vsphere.control.machine('vm1')
    const script = (name: string, text: string) => {
      writeFileSync(join(guestFolder, name), `#!/bin/sh\n${text}\n`)
      chmodSync(join(guestFolder, name), 0o755)
    }
    script('pre-freeze-script', 'echo "$1" >> log')
    script('post-thaw-script', 'echo "$1" >> log')
    const log = () => readFileSync(join(guestFolder, 'log'), 'utf8').split('\n').slice(0, -1)
    await site.soap.snapshot(site.vm, false)
    expect(existsSync(join(guestFolder, 'log'))).toBe(false)
    const wish = '<name>x</name><memory>false</memory><quiesceSpec xsi:type="VirtualMachineGuestQuiesceSpec"/>'
    expect(await site.soap.task('CreateSnapshotEx_Task', 'VirtualMachine', site.vm, wish)).toContain('success')
    expect(log()).toEqual(['freeze', 'thaw'])
    script('pre-freeze-script', 'exit 1')
    expect((await site.soap.snapshot(site.vm, true)).info).toContain('xsi:type="ApplicationQuiesceFault"')
    expect(log()).toEqual(['freeze', 'thaw', 'freezeFail'])
    await site.vsphere.control.setTools('vm1', { installed: true, running: false })
    expect((await site.soap.snapshot(site.vm, true)).info).toContain('xsi:type="ToolsUnavailable"')
    await site.vsphere.control.setTools('vm1', { installed: false, running: false })
    expect((await site.soap.snapshot(site.vm, true)).info).toContain('xsi:type="NotSupported"')
    expect((await site.vsphere.control.counters()).snapshots).toEqual({ now: 2, max: 2 })
  })

  it('gives change ids only after tracking was switched on, and takes none that it did not give', async () => {
    await site.soap.login(site.vsphere.administrator)
    const changeIdOf = async (ref: string) =>
      element(await site.soap.fetchProperty('VirtualMachineSnapshot', ref, 'config.hardware.device'), 'changeId')
    const before = await site.soap.snapshot(site.vm, false)
    expect(await changeIdOf(before.ref)).toBeUndefined()
    await site.soap.removeSnapshot(before.ref)
    const track = (isOn: boolean) =>
      site.soap.task(
        'ReconfigVM_Task',
        'VirtualMachine',
        site.vm,
        `<spec><changeTrackingEnabled>${isOn}</changeTrackingEnabled></spec>`,
      )
    await track(true)
    const { ref } = await site.soap.snapshot(site.vm, false)
    const id = await changeIdOf(ref)
    expect(id).toMatch(/^([0-9a-f]{2} ){7}[0-9a-f]{2}-([0-9a-f]{2} ){7}[0-9a-f]{2}\/1$/)
    expect((await site.vsphere.control.machine('vm1')).disks[0]?.changeId).toBe(id?.replace('/1', '/2'))
    const query = async (since: string, start = 0) =>
      await site.soap.call(
        'QueryChangedDiskAreas',
        'VirtualMachine',
        site.vm,
        `<snapshot type="VirtualMachineSnapshot">${ref}</snapshot><deviceKey>2000</deviceKey>` +
          `<startOffset>${start}</startOffset><changeId>${since}</changeId>`,
      )
    expect((await query('*')).text).toContain(`<length>${16 * mib}</length>`)
    expect((await query('*', 16 * mib)).text).toContain('<invalidProperty>startOffset</invalidProperty>')
    expect((await query('a/1')).text).toContain('xsi:type="FileFault"')
    await site.vsphere.control.resetTracking('vm1')
    expect((await query(id ?? '')).text).toContain('xsi:type="FileFault"')
    await track(false)
    expect(await changeIdOf((await site.soap.snapshot(site.vm, false)).ref)).toBeUndefined()
  })
})
