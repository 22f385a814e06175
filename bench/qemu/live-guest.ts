import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connectGuestAgent, connectQmp, queryBlockNodes } from '@holdfast/protocol-qmp'
import { makeGuest, serialConsole, tempFolder } from 'holdfast-lab'
import { runQuietly } from '../measure/run-quietly.ts'
import { domainXml } from './domain-xml.ts'
import { startLibvirt } from './private-libvirt.ts'
import { scatteredWrites } from './scattered-writes.ts'

/** A Linux guest that runs in QEMU, emulated, under libvirt. It is idle but for what it is told to write. */
export interface LiveGuest extends AsyncDisposable {
  readonly name: string
  /** libvirt's. */
  readonly uri: string
  /** Path of its own monitor, with `{name}` for its name. */
  readonly monitorPattern: string
  /** Folder with its definition, `<name>.xml`. */
  readonly definitions: string
  /** Folder for what it overwrites while it is backed up. */
  readonly scratch: string
  /** Its second disk, QCOW2. */
  readonly dataDisk: string
  /** Writes at scattered places of the second disk. */
  readonly write: () => Promise<void>
  /** How often it has written. */
  readonly writes: () => number
  /** Removes all checkpoints that libvirt knows. */
  readonly forgetCheckpoints: () => Promise<void>
  /** Removes the bitmaps of Holdfast. */
  readonly forgetBitmaps: () => Promise<void>
}

/** What a guest is started with. */
export interface LiveGuestSettings {
  /** For its disks; is made anew. */
  readonly folder: string
  /** QCOW2 image that its second disk is copied from. */
  readonly data: string
  readonly dataBytes: number
  /** Bytes of one `write`. */
  readonly writeBytes: number
}

const name = 'server'
const bootTimeoutMs = 300_000

/** Builds, defines and boots the guest. */
export async function startLiveGuest(settings: LiveGuestSettings): Promise<LiveGuest> {
  const { folder, data, dataBytes, writeBytes } = settings
  const inFolder = (file: string) => join(folder, file)
  await using stack = new AsyncDisposableStack()
  // Sockets are here: their paths must be short.
  const { at: inRun } = stack.use(tempFolder())
  stack.defer(() => rmSync(folder, { recursive: true, force: true }))
  rmSync(folder, { recursive: true, force: true })
  for (const path of ['guest', 'scratch']) mkdirSync(inFolder(path), { recursive: true })
  mkdirSync(inRun('libvirt'))

  const [root, dataDisk] = [inFolder('root.qcow2'), inFolder('data.qcow2')]
  const guest = await makeGuest(inFolder('guest'), { staysUp: true })
  await runQuietly('qemu-img', ['convert', '-O', 'qcow2', guest.disk, root])
  await runQuietly('cp', ['--sparse=always', data, dataDisk])

  const libvirt = stack.use(await startLibvirt(inRun('libvirt')))
  const monitor = inRun(`${name}.qmp`)
  const serialLog = inRun('serial.log')
  const agentPath = inRun('agent.sock')
  writeFileSync(inRun('define.xml'), domainXml({ name, disks: [root, dataDisk], serialLog, monitor, agent: agentPath }))
  await libvirt.virsh('define', inRun('define.xml'))
  await libvirt.virsh('start', name)
  mkdirSync(inRun('definitions'))
  writeFileSync(join(inRun('definitions'), `${name}.xml`), await libvirt.virsh('dumpxml', name))
  await serialConsole(serialLog, () => false).waitFor(/GUEST-READY/, bootTimeoutMs)

  let writes = 0
  const living = stack.move()
  return {
    name,
    uri: libvirt.uri,
    monitorPattern: inRun('{name}.qmp'),
    definitions: inRun('definitions'),
    scratch: inFolder('scratch'),
    dataDisk,
    write: async () => {
      await using agent = await connectGuestAgent({ path: agentPath })
      const script = scatteredWrites('/dev/vdb', { diskBytes: dataBytes, totalBytes: writeBytes, seed: ++writes })
      const { exitCode, stderr } = await agent.exec({ path: '/bin/sh', input: script }, { timeoutMs: bootTimeoutMs })
      if (exitCode !== 0) throw new Error(`The guest could not write: ${Buffer.from(stderr).toString()}`)
    },
    writes: () => writes,
    forgetCheckpoints: async () => {
      const names = (await libvirt.virsh('checkpoint-list', name, '--name', '--topological')).trim().split(/\s+/)
      for (const checkpoint of names.toReversed())
        if (checkpoint !== '') await libvirt.virsh('checkpoint-delete', name, checkpoint)
    },
    forgetBitmaps: async () => {
      await using session = await connectQmp({ path: monitor })
      for (const { nodeName, bitmaps } of await queryBlockNodes(session))
        for (const bitmap of bitmaps)
          if (bitmap.name.startsWith('holdfast-'))
            await session.execute('block-dirty-bitmap-remove', { node: nodeName, name: bitmap.name })
    },
    [Symbol.asyncDispose]: () => living.disposeAsync(),
  }
}
