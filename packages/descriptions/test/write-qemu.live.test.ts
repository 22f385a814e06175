import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Machine } from '@holdfast/core'
import fc from 'fast-check'
import { run, skipsWithout, tempFolder } from 'holdfast-lab'
import { afterAll, describe, expect, it } from 'vitest'
import type { PlacedDisk } from '../src/index.js'
import { qemuArguments, writeQemu } from '../src/qemu/index.js'
import { machineAndPlaces } from './support/arbitrary-machine.js'
import { machineWith, placed } from './support/machines.js'

/** What must stay a name. */
const hostileNames = [
  `it's "quoted" \`id\` $(id) \${HOME} \\`,
  "';touch pwned;'",
  'a,readonly=on,b',
  '--help',
  '-S',
  '# no comment',
  'two  spaces, ünï 東 😀',
  '\u2019\u2028',
]

describe('a command for QEMU, to the shell', () => {
  const { path: folder } = tempFolder(afterAll)
  const bin = join(folder, 'bin')
  mkdirSync(bin)
  writeFileSync(
    join(bin, 'qemu-system-x86_64'),
    '#!/bin/sh\nprintf "%s\\0" "$PWD" "$@" > "$OUT"\n[ "$(ls "$PWD")" = start-qemu.sh ] || echo "something is there" >&2\n',
  )
  chmodSync(join(bin, 'qemu-system-x86_64'), 0o755)

  /** The arguments with which the script calls QEMU, and the folder where. */
  const called = (machine: Machine, places: readonly PlacedDisk[], ...more: readonly string[]) => {
    const place = mkdtempSync(join(folder, "it's here "))
    const script = join(place, 'start-qemu.sh')
    writeFileSync(script, writeQemu(machine, places).text)
    run('sh', '-n', script)
    const out = join(folder, 'out')
    const env = { PATH: `${bin}:${process.env['PATH'] ?? ''}`, OUT: out, HOME: '/nowhere' }
    const { status, stderr } = spawnSync('sh', [script, ...more], { cwd: '/', env, encoding: 'utf8' })
    expect([status, stderr]).toEqual([0, ''])
    const [where = '', ...args] = readFileSync(out, 'utf8').split('\0').slice(0, -1)
    return { isInItsFolder: where === place, args }
  }

  it.each(hostileNames)('calls it with the arguments as they are for a machine and images named %j', (name) => {
    const machine = machineWith(['virtio', 'sata'], { name })
    const places = machine.disks.map(({ id }, i) => ({
      id,
      file: `${name.replace('\u2028', '')}${i}`,
      imageFormat: 'raw' as const,
    }))
    const { isInItsFolder, args } = called(machine, places)
    expect(isInItsFolder).toBe(true)
    expect(args).toEqual([...qemuArguments(machine, places).args, '-nic', 'none'])
  })

  it('adds what it is given itself, at the end', () => {
    const machine = machineWith(['virtio'])
    const { args } = called(machine, placed(machine, 'qcow2'), '-machine', 'accel=tcg', 'a b')
    expect(args.slice(-3)).toEqual(['-machine', 'accel=tcg', 'a b'])
  })

  it('is the same arguments for any machine', () => {
    for (const [machine, places] of fc.sample(machineAndPlaces('qcow2'), { numRuns: 30, seed: 7 })) {
      const expected = qemuArguments(machine, places).args.map((word) => word.toWellFormed())
      expect(called(machine, places).args.slice(0, expected.length)).toEqual(expected)
    }
  }, 60_000)
})

describe.skipIf(skipsWithout('qemu'))('a command for QEMU, to QEMU', () => {
  const { path: folder } = tempFolder(afterAll)
  /** Runs a machine's script, its processor stopped, and asks it some questions. */
  const asked = (machine: Machine, places: readonly PlacedDisk[], ...questions: readonly string[]): unknown[] => {
    const script = join(folder, 'start-qemu.sh')
    writeFileSync(script, writeQemu(machine, places).text)
    const commands = ['qmp_capabilities', ...questions, 'quit']
    const said = execFileSync(
      'sh',
      [script, '-machine', 'accel=tcg', '-S', '-display', 'none', '-nodefaults', '-qmp', 'stdio'],
      { input: commands.map((execute) => JSON.stringify({ execute })).join('\n'), encoding: 'utf8', timeout: 60_000 },
    )
    const answers = said
      .split(/\r?\n/)
      .flatMap((line): unknown[] => (line.startsWith('{"return"') ? [JSON.parse(line)] : []))
    return answers.slice(1, -1).map((answer) => (Object(answer) as { return: unknown }).return)
  }
  const imageAt = (name: string) => {
    execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', join(folder, 'new.qcow2'), '1M'])
    writeFileSync(join(folder, name), readFileSync(join(folder, 'new.qcow2')))
    return name
  }

  it.each(hostileNames)('is a machine and an image named %j, emulated when it is told so', (name) => {
    const machine = machineWith(['virtio'], { name })
    const file = imageAt(`_${name.replaceAll(/[/\u2028]/g, '_')}.qcow2`)
    const [asName, blocks, kvm] = asked(
      machine,
      machine.disks.map(({ id }) => ({ id, file, imageFormat: 'qcow2' as const })),
      'query-name',
      'query-block',
      'query-kvm',
    )
    expect(asName).toEqual({ name })
    expect(blocks).toEqual([
      expect.objectContaining({ inserted: expect.objectContaining({ file, drv: 'qcow2', ro: false }) }),
    ])
    expect(kvm).toMatchObject({ enabled: false })
  })

  it.each([
    ['virtio', 3],
    ['sata', 8],
    ['ide', 5],
    ['xen', 2],
  ] as const)('starts with %s disks, %i of them, of one boot order', (bus, count) => {
    const machine = machineWith(Array.from({ length: count }, () => bus))
    const file = imageAt('disk.qcow2')
    const places = machine.disks.map(({ id }, i) => {
      writeFileSync(join(folder, `${i}.qcow2`), readFileSync(join(folder, file)))
      return { id, file: `${i}.qcow2`, imageFormat: 'qcow2' as const }
    })
    const disks = machine.disks.map((disk) => ({ ...disk, bootOrder: 1 }))
    const [blocks] = asked({ ...machine, disks }, places, 'query-block')
    expect(blocks).toHaveLength(count)
  })

  it('starts with SCSI disks of libvirt, and with every network card that is written', () => {
    const file = imageAt('disk.qcow2')
    const nics = ['virtio', 'e1000', 'e1000e', 'rtl8139', 'vmxnet3', 'unheard of'].map((model, i) => ({
      model,
      macAddress: `52:54:00:12:34:5${i}`,
    }))
    const machine = machineWith(['scsi'], { nics, native: { format: 'libvirt-xml', text: '<domain/>' } })
    const places = machine.disks.map(({ id }) => ({ id, file, imageFormat: 'qcow2' as const }))
    expect(asked(machine, places, 'query-block')[0]).toHaveLength(1)
  })
})
