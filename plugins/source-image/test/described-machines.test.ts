import { join } from 'node:path'
import { silentLogger, testContext, toArray } from '@holdfast/testkit'
import { describe, expect, it } from 'vitest'
import { imageSource } from '../src/index.js'
import { domain, fileDisk, ovf, vmx } from './support/descriptions.js'
import { composed, writeImage } from './support/images.js'
import { call, capture, machineRoot, openSource, refOf, tokens } from './support/machines.js'
import { contentOf, pieces, sizeBytes } from './support/sample-images.js'

async function namesIn(path: string): Promise<readonly string[]> {
  return (await toArray((await openSource(path)).discover({}, call))).map(({ name }) => name).sort()
}

describe('a machine that a hypervisor describes', () => {
  it('has everything that its VMX says', async () => {
    const root = machineRoot()
    await writeImage(join(root.path, 'w', 'web.vmdk'), { format: 'vmdk', sizeBytes, pieces })
    const text = vmx(
      'Web server',
      { 'scsi0:0': 'web.vmdk' },
      'bios.hddOrder = "scsi0:0"\nscsi0.virtualDev = "pvscsi"\n',
    )
    root.file('w/web.vmx', text)
    const { machine, disks, unavailable } = await capture(root.path, 'Web server')
    expect(machine).toEqual({
      id: 'Web server',
      name: 'Web server',
      firmware: 'uefi',
      cpus: 3,
      memoryBytes: 512 * 2 ** 20,
      disks: [{ id: 'scsi0:0', sizeBytes, bus: 'scsi', bootOrder: 1 }],
      nics: [{ macAddress: '00:50:56:2a:11:07', network: 'VM Network', model: 'vmxnet3' }],
      native: { format: 'vmx', text },
    })
    expect(unavailable).toEqual([])
    expect(Buffer.compare(await contentOf(disks[0]!), composed(sizeBytes, pieces))).toBe(0)
  })

  it('has everything that its libvirt domain says; disks that are no files are unavailable', async () => {
    const root = machineRoot()
    await writeImage(join(root.path, 'w', 'disk'), { format: 'qcow2', sizeBytes, pieces })
    root.disk('w/data.img', 4096)
    const text = domain('web', [
      fileDisk('vda', 'disk', 'qcow2'),
      fileDisk('vdb', 'data.img', 'raw'),
      "<disk type='network'><source protocol='rbd' name='pool/image'/><target dev='vdc' bus='virtio'/></disk>",
      "<disk type='block'><source dev='/dev/vg0/data'/><target dev='vdd' bus='scsi'/></disk>",
      "<disk type='file'><target dev='vde' bus='virtio'/></disk>",
    ])
    root.file('w/web.xml', text)
    // The device is not what happens to have its name.
    root.disk('w/data', 512)
    const { machine, disks, unavailable } = await capture(root.path, 'web')
    expect(machine).toEqual({
      id: 'web',
      name: 'web',
      firmware: 'bios',
      cpus: 2,
      memoryBytes: 256 * 2 ** 20,
      disks: [
        { id: 'vda', sizeBytes, bus: 'virtio' },
        { id: 'vdb', sizeBytes: 4096, bus: 'virtio' },
        { id: 'vdc', sizeBytes: 0, bus: 'virtio' },
        { id: 'vdd', sizeBytes: 0, bus: 'scsi' },
        { id: 'vde', sizeBytes: 0, bus: 'virtio' },
      ],
      nics: [{ macAddress: '52:54:00:ab:cd:ef', network: 'default' }],
      native: { format: 'libvirt-xml', text },
    })
    expect(disks.map(({ id }) => id)).toEqual(['vda', 'vdb'])
    expect(unavailable).toEqual([
      { id: 'vdc', reason: expect.stringMatching(/rbd.*not a file/) },
      { id: 'vdd', reason: expect.stringMatching(/^\/dev\/vg0\/data: .*device of the host/) },
      { id: 'vde', reason: expect.stringMatching(/names no source/) },
    ])
  })

  it('is one of several of an OVF collection, each with its own disks', async () => {
    const root = machineRoot()
    for (const name of ['one', 'two'])
      await writeImage(join(root.path, 'app', `${name}.vmdk`), {
        format: 'vmdk',
        kind: 'streamOptimized',
        sizeBytes,
        pieces: name === 'one' ? pieces : [],
      })
    const machines = ['one', 'two'].map((name) => ({ name, disks: [`d-${name}`] }))
    const text = ovf(machines, { 'd-one': 'one.vmdk', 'd-two': 'two.vmdk' })
    root.file('app/app.ovf', text)
    expect(await namesIn(root.path)).toEqual(['one', 'two'])
    const one = await capture(root.path, 'one')
    expect(one.machine).toMatchObject({
      id: 'one',
      cpus: 2,
      memoryBytes: 128 * 2 ** 20,
      disks: [{ id: 'd-one', bus: 'sata', sizeBytes }],
      native: { format: 'ovf', text },
    })
    expect(Buffer.compare(await contentOf(one.disks[0]!), composed(sizeBytes, pieces))).toBe(0)
    expect((await capture(root.path, 'two')).disks.map(({ id }) => id)).toEqual(['d-two'])
  })

  it('keeps the size that its description states when the image cannot be had', async () => {
    const root = machineRoot()
    root.file('app/app.ovf', ovf([{ name: 'web', disks: ['d'] }], { d: 'gone.vmdk' }))
    const { machine, unavailable } = await capture(root.path, 'web')
    expect(machine.disks).toMatchObject([{ id: 'd', sizeBytes: 7340032 }])
    expect(unavailable).toEqual([{ id: 'd', reason: 'gone.vmdk: there is no such file' }])
  })

  it.each([
    ['compression', 'ovf:compression="gzip"', /packed by gzip/],
    ['chunks', 'ovf:chunkSize="1000"', /cut into parts/],
  ])('lacks disks whose files have to be prepared first: %s', async (_what, attributes, reason) => {
    const root = machineRoot()
    await writeImage(join(root.path, 'app', 'd.vmdk'), { format: 'vmdk', sizeBytes })
    root.file('app/app.ovf', ovf([{ name: 'web', disks: ['d'] }], { d: 'd.vmdk' }, { attributes }))
    expect((await capture(root.path, 'web')).unavailable).toEqual([{ id: 'd', reason: expect.stringMatching(reason) }])
  })

  it('is not guessed to be raw where its description states a format that is not known here', async () => {
    const root = machineRoot()
    root.disk('w/disk', 4096)
    root.file('w/web.xml', domain('web', [fileDisk('vda', 'disk', 'qed')]))
    expect((await capture(root.path, 'web')).unavailable[0]?.reason).toMatch(/no format that is known/)
  })

  it('tells the logger what the neutral model cannot hold, once a run', async () => {
    const root = machineRoot()
    root.file('w/web.vmx', vmx('web', {}))
    const lines: string[] = []
    const log = (message: string) => void lines.push(message)
    const logger = { ...silentLogger, debug: log, info: log }
    const session = await imageSource({ path: root.path }).open(testContext({ tempDir: '/tmp', baseDir: '/', logger }))
    const prepared = await session.prepare(await refOf(session, 'web'), { previous: tokens({}) }, call)
    await (await prepared.take(call))[Symbol.asyncDispose]()
    expect(lines.filter((line) => line.includes('annotation'))).toHaveLength(1)
    expect(lines.filter((line) => line.includes('word for word'))).toHaveLength(1)
  })
})
