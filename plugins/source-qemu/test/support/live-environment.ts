import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync } from 'node:fs'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { MachineRef } from '@holdfast/core'
import { queryBlockExports, queryBlockNodes, queryObjectNames } from '@holdfast/protocol-qmp'
import { qemuSource } from '@holdfast/source-qemu'
import type { SourceEnvironment } from '@holdfast/testkit'
import { tempFolder } from 'holdfast-lab'
import { bootableMachine, bootSector } from './boot-sector.js'
import { type LiveMachine, startMachine } from './live-machine.js'

/** Two running machines with two disks each, and what the checks need to know of them. */
export interface LiveEnvironment extends AsyncDisposable {
  readonly environment: SourceEnvironment & Required<Pick<SourceEnvironment, 'machines' | 'reference'>>
}

/** Starts the machines of the checks. */
export async function liveEnvironment(transport: 'pull' | 'push'): Promise<LiveEnvironment> {
  const folder = tempFolder()
  const running: LiveMachine[] = []
  const scratch = folder.at('scratch')
  const images = folder.at('images')
  mkdirSync(scratch)
  mkdirSync(images)
  for (const name of ['web', 'db']) {
    const machine = await startMachine(folder.path, name, [
      { id: 'root', format: 'qcow2', sizeMib: 8 },
      { id: 'data', format: 'raw', sizeMib: 4 },
    ])
    running.push(machine)
    for (const disk of ['root', 'data'])
      for (const write of ['write -P 1 0 64k', 'write -P 2 1M 700k', 'write -P 3 3M 4k']) await machine.io(disk, write)
  }
  const machine = (id: string): LiveMachine => {
    const found = running.find(({ name }) => name === id)
    if (found === undefined) throw new Error(`no machine ${id}`)
    return found
  }
  let turn = 0
  const write = async (id: string, disk: string) => {
    turn++
    await machine(id).io(disk, `write -P ${(turn % 200) + 10} ${(turn % 50) * 68 + 1}k 5k`)
    await machine(id).io(disk, `write -z -u ${(turn % 3) + 1}M 64k`)
  }
  const environment: LiveEnvironment['environment'] = {
    create: () =>
      qemuSource({
        monitor: folder.at('{name}/qmp.sock'),
        scratch,
        images,
        transport,
        boot: { accelerator: 'tcg' },
      }),
    machines: ['web', 'db'].map((name) => ({ id: name, name }) as MachineRef),
    reference: (id, disk) => machine(id).content(disk.replace('dev-', '')),
    mutate: (id, disk) => write(id, disk.replace('dev-', '')),
    change: async (id) => {
      for (const disk of ['root', 'data']) await write(id, disk)
    },
    readRestored: async (name, disk) => {
      const copy = folder.at('restored.raw')
      execFileSync('qemu-img', ['convert', '-O', 'raw', join(images, name, `${disk}.qcow2`), copy])
      return readFile(copy)
    },
    removeRestored: (name) => rm(join(images, name), { recursive: true }),
    bootable: {
      machine: bootableMachine,
      fill: (disk, call) => disk.write(0, bootSector('BOOTED'), call),
      probe: { kind: 'serial', pattern: 'BOOTED', timeoutMs: 20_000 },
    },
    inventory: async () => {
      const found = [...readdirSync(scratch), ...readdirSync(images)]
      for (const { name, monitor } of running) {
        const nodes = await queryBlockNodes(monitor)
        found.push(
          ...nodes.flatMap(({ nodeName, bitmaps }) => [nodeName, ...bitmaps.map((each) => `${nodeName}/${each.name}`)]),
          ...(await queryBlockExports(monitor)).map(({ id }) => `${name} export ${id}`),
          ...(await queryObjectNames(monitor)).map((id) => `${name} object ${id}`),
        )
      }
      return found
    },
  }
  return {
    environment,
    [Symbol.asyncDispose]: async () => {
      for (const machine of running) await machine[Symbol.asyncDispose]()
      folder[Symbol.dispose]()
    },
  }
}
