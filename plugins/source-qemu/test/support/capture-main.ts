import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { MachineRef } from '@holdfast/core'
import { qemuSource } from '@holdfast/source-qemu'
import { testContext } from '@holdfast/testkit'

// A backup in a process of its own, to be killed: it captures a machine over and over and says how far it is.

const [folder = '', stage = 'loop', transport = 'pull'] = process.argv.slice(2)
const say = (what: string) => process.stdout.write(`${what}\n`)
const call = { signal: new AbortController().signal }
const source = qemuSource({
  monitor: join(folder, '{name}/qmp.sock'),
  scratch: join(folder, 'scratch'),
  transport: transport === 'push' ? 'push' : 'pull',
})
const session = await source.open(testContext({ tempDir: join(folder, 'temp') }))
for (;;) {
  await using prepared = await session.prepare({ id: 'vm', name: 'vm' } as MachineRef, { previous: new Map() }, call)
  say('prepared')
  if (stage === 'prepared') await delay(600_000)
  await using capture = await prepared.take(call)
  for (const disk of capture.disks) await disk.readInto(0, new Uint8Array(4096), call)
  say('taken')
  if (stage === 'taken') await delay(600_000)
}
