import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Capture } from '@holdfast/core'
import { toArray } from '@holdfast/testkit'
import { skipsWithout, type TempFolder, tempFolder } from 'holdfast-lab'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { captured, openSource, traces } from './support/captures.js'
import { type LiveMachine, startMachine } from './support/live-machine.js'

describe.skipIf(skipsWithout('qemu'))('the disks of a machine', () => {
  let folder: TempFolder
  let machine: LiveMachine | undefined
  const at = (name: string) => folder.at('vm', name)
  beforeEach(() => {
    folder = tempFolder()
    mkdirSync(folder.at('vm'))
  })
  afterEach(async () => {
    await machine?.[Symbol.asyncDispose]()
    folder[Symbol.dispose]()
  })
  /** An image of which every byte is a number. */
  const image = (name: string, number: number) => {
    writeFileSync(at(name), new Uint8Array(2 ** 20).fill(number))
    return at(name)
  }
  const start = async (...extraArgs: readonly string[]) => {
    machine = await startMachine(folder.path, 'vm', [{ id: 'first', format: 'qcow2', sizeMib: 1 }], { extraArgs })
    await machine.io('first', 'write -P 1 0 1M')
    return machine
  }
  const firstBytes = async ({ disks }: Capture) => {
    const found: Record<string, number> = {}
    for (const disk of disks) {
      const into = new Uint8Array(512)
      await disk.readInto(4096, into, { signal: new AbortController().signal })
      found[disk.id] = into[0] ?? 0
    }
    return found
  }

  it('are captured on every bus, with I/O threads, without names; media that can be taken out are not', async () => {
    const blockdev = (name: string, file: string, more = '') => [
      '-blockdev',
      `driver=file,node-name=${name},filename=${file}${more}`,
    ]
    const running = await start(
      ...['-object', 'iothread,id=io1', ...blockdev('n-io', image('io', 2))],
      ...['-device', 'virtio-blk-pci,drive=n-io,id=threaded,iothread=io1'],
      ...blockdev('n-scsi', image('scsi', 3)),
      ...['-device', 'virtio-scsi-pci,id=scsi0', '-device', 'scsi-hd,drive=n-scsi,id=scsi'],
      ...[...blockdev('n-ide', image('ide', 4)), '-device', 'ide-hd,drive=n-ide,id=ide'],
      ...['-drive', `file=${image('old', 5)},format=raw,if=virtio`],
      ...[...blockdev('n-ro', image('ro', 6), ',read-only=on'), '-device', 'scsi-hd,drive=n-ro,id=fixed'],
      ...['-drive', `file=${image('cd', 7)},format=raw,media=cdrom,if=ide,index=3`],
    )
    const before = await traces(running)
    await captured(await openSource(folder.path), 'vm', async (capture) => {
      expect(await firstBytes(capture)).toEqual({ 'dev-first': 1, threaded: 2, scsi: 3, ide: 4, virtio0: 5, fixed: 6 })
      expect(capture.unavailable).toEqual([])
      expect(capture.machine).toMatchObject({ firmware: 'bios', cpus: 1, memoryBytes: 32 * 2 ** 20 })
      const reasons = Object.fromEntries(capture.disks.map(({ id, tracking }) => [id, tracking.reason]))
      expect(reasons['fixed']).toBe('the disk is read-only and takes no bitmap')
      expect(capture.disks.find(({ id }) => id === 'fixed')?.changeToken).toBeUndefined()
    })
    expect(await traces(running)).toEqual(before)
  })

  it('have the names of the definition, and one that is not there is told', async () => {
    const definitions = folder.at('definitions')
    mkdirSync(definitions)
    writeFileSync(
      join(definitions, 'vm.xml'),
      `<domain type='kvm'><name>web server</name><uuid>5d2a1c7e-3b1f-4f5e-9c3a-0a1b2c3d4e5f</uuid>
  <memory unit='MiB'>32</memory><vcpu>1</vcpu><os><type arch='x86_64' machine='pc'>hvm</type></os>
  <devices>
    <disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='${at('first.qcow2')}'/><target dev='vda' bus='virtio'/></disk>
    <disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='/gone/data.raw'/><target dev='vdb' bus='virtio'/></disk>
  </devices></domain>`,
    )
    await start()
    const session = await openSource(folder.path, { definitions })
    const machines = await toArray(session.discover({}, { signal: new AbortController().signal }))
    expect(machines).toEqual([{ id: '5d2a1c7e-3b1f-4f5e-9c3a-0a1b2c3d4e5f', name: 'web server' }])
    await captured(session, '5d2a1c7e-3b1f-4f5e-9c3a-0a1b2c3d4e5f', async (capture) => {
      expect(await firstBytes(capture)).toEqual({ vda: 1 })
      expect(capture.unavailable).toEqual([
        { id: 'vdb', reason: 'the definition has it, and the running machine does not' },
      ])
      expect(capture.machine.native?.format).toBe('libvirt-xml')
      expect(capture.machine.disks.map(({ id, bus }) => [id, bus])).toEqual([
        ['vda', 'virtio'],
        ['vdb', undefined],
      ])
    })
  })

  it('of a machine that is off, or whose monitor says nonsense, are not captured, and the error says what to do', async () => {
    const definitions = folder.at('definitions')
    mkdirSync(definitions)
    writeFileSync(join(definitions, 'off.xml'), '<domain><name>off</name><devices/></domain>')
    const session = await openSource(folder.path, { definitions })
    await expect(captured(session, 'off', async () => undefined)).rejects.toMatchObject({
      code: 'E_SOURCE_UNAVAILABLE',
      hint: expect.stringContaining('source-image'),
    })
    await expect(captured(session, 'nobody', async () => undefined)).rejects.toMatchObject({
      code: 'E_MACHINE_NOT_FOUND',
    })
    writeFileSync(join(definitions, 'off.xml'), 'no XML')
    const again = await openSource(folder.path, { definitions })
    await expect(captured(again, 'off', async () => undefined)).rejects.toMatchObject({ code: 'E_SOURCE_INVALID' })
  })

  it('are captured although the definition of another machine is broken, or two are the same: those fail alone', async () => {
    const definitions = folder.at('definitions')
    mkdirSync(definitions)
    const xml = (name: string) =>
      `<domain><name>${name}</name><uuid>5d2a1c7e-3b1f-4f5e-9c3a-0a1b2c3d4e5f</uuid><devices/></domain>`
    writeFileSync(join(definitions, 'broken.xml'), 'no XML')
    for (const name of ['one', 'two']) writeFileSync(join(definitions, `${name}.xml`), xml(name))
    await start()
    const session = await openSource(folder.path, { definitions })
    const machines = await toArray(session.discover({}, { signal: new AbortController().signal }))
    expect(machines.map(({ name }) => name)).toEqual(['broken', 'one', 'vm'])
    await captured(session, 'vm', async (capture) => expect(await firstBytes(capture)).toEqual({ 'dev-first': 1 }))
    for (const id of ['broken', '5d2a1c7e-3b1f-4f5e-9c3a-0a1b2c3d4e5f'])
      await expect(captured(session, id, async () => undefined)).rejects.toMatchObject({ code: 'E_SOURCE_INVALID' })
  })

  it('cannot be captured when the scratch folder is not there, and nothing is left', async () => {
    const running = await start()
    rmSync(folder.at('scratch'), { recursive: true, force: true })
    const session = await openSource(folder.path, { scratch: folder.at('nowhere') })
    await expect(captured(session, 'vm', async () => undefined)).rejects.toMatchObject({ code: 'E_SOURCE_UNAVAILABLE' })
    expect(await traces(running)).toEqual([])
    execFileSync('qemu-img', ['info', '-U', at('first.qcow2')])
  })

  it('cannot be captured while the server of QEMU is taken, and it is left to whom it belongs', async () => {
    const running = await start()
    const data = { path: folder.at('theirs.sock') }
    await running.monitor.execute('nbd-server-start', { addr: { type: 'unix', data } })
    const session = await openSource(folder.path)
    await expect(captured(session, 'vm', async () => undefined)).rejects.toMatchObject({
      code: 'E_SOURCE_UNAVAILABLE',
      hint: expect.stringContaining("transport: 'push'"),
    })
    expect(await traces(running)).toEqual([])
    await running.monitor.execute('block-export-add', { type: 'nbd', id: 'theirs', 'node-name': 'disk-first' })
    const shown = execFileSync('qemu-img', ['info', `nbd+unix:///disk-first?socket=${data.path}`], { encoding: 'utf8' })
    expect(shown).toContain('1 MiB')
  })
})
