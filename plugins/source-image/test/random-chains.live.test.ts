import { copyFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { run, skipsWithout } from 'holdfast-lab'
import { describe, expect, it } from 'vitest'
import { backups } from './support/backups.js'
import { machineRoot } from './support/machines.js'
import { qemuIo, qemuRead } from './support/qemu.js'

const sizeBytes = 2 * 2 ** 20
const kib = 1024
const numRuns = Number(process.env['HOLDFAST_CHAIN_RUNS'] ?? 15)

type Step =
  | { readonly do: 'write' | 'zero' | 'discard' | 'write-parent'; readonly at: number; readonly length: number }
  | { readonly do: 'snapshot' | 'commit' | 'add-bitmap' | 'remove-bitmap' | 'copy' | 'capture' }

const place = { at: fc.integer({ min: 0, max: sizeBytes / kib - 1 }), length: fc.integer({ min: 1, max: 200 }) }
const write: fc.Arbitrary<Step> = fc.record({ do: fc.constantFrom('write', 'write', 'zero', 'discard'), ...place })
const writeParent: fc.Arbitrary<Step> = fc.record({ do: fc.constant('write-parent'), ...place })
const plain = (...names: readonly Exclude<Step['do'], 'write' | 'zero' | 'discard' | 'write-parent'>[]) =>
  fc.record({ do: fc.constantFrom(...names) })

/** Captures, each after some steps, and some of them right after a preparation for the next one. */
function scripts(between: fc.Arbitrary<Step>, before: fc.Arbitrary<Step>): fc.Arbitrary<readonly Step[]> {
  const round = fc
    .tuple(fc.array(between, { maxLength: 3 }), fc.option(before, { nil: undefined }))
    .map(([steps, preparation]): readonly Step[] => [
      ...steps,
      ...(preparation ? [preparation] : []),
      { do: 'capture' },
    ])
  return fc.array(round, { minLength: 2, maxLength: 6 }).map((rounds) => rounds.flat())
}

interface Kind {
  readonly name: string
  readonly format: string
  readonly base: { readonly file: string; readonly format: string; readonly options: readonly string[] }
  readonly child: (number: number) => string
  readonly scripts: fc.Arbitrary<readonly Step[]>
}

const chained = scripts(fc.oneof(write, plain('snapshot', 'commit')), plain('snapshot'))

const kinds: readonly Kind[] = [
  {
    name: 'raw',
    format: 'raw',
    base: { file: 'disk.raw', format: 'raw', options: [] },
    child: () => '',
    scripts: scripts(write, plain('copy', 'capture')),
  },
  {
    name: 'qcow2',
    format: 'qcow2',
    base: { file: 'disk.qcow2', format: 'qcow2', options: ['-o', 'cluster_size=4096'] },
    child: (number) => `disk.snap${number}`,
    scripts: chained,
  },
  {
    name: 'qcow2 with bitmaps',
    format: 'qcow2',
    base: { file: 'disk.qcow2', format: 'qcow2', options: [] },
    child: (number) => `disk.snap${number}`,
    scripts: scripts(
      fc.oneof(
        { weight: 9, arbitrary: write },
        { weight: 2, arbitrary: plain('snapshot', 'commit', 'remove-bitmap') },
        { weight: 1, arbitrary: writeParent },
        { weight: 1, arbitrary: plain('copy') },
      ),
      plain('add-bitmap'),
    ),
  },
  {
    name: 'qcow2 over raw',
    format: 'qcow2',
    base: { file: 'disk.img', format: 'raw', options: [] },
    child: (number) => `disk-${number}.qcow2`,
    scripts: chained,
  },
  {
    name: 'vmdk',
    format: 'vmdk',
    base: { file: 'disk.vmdk', format: 'vmdk', options: [] },
    child: (number) => `disk-00000${number}.vmdk`,
    scripts: chained,
  },
]

/** A chain of images in a folder, and what people do to it with QEMU's tools. */
function chain({ format, base, child }: Kind) {
  const root = machineRoot()
  const folder = root.folder('web')
  const files = [{ file: join(folder, base.file), format: base.format }]
  const bitmaps = new Map<string, string[]>()
  let serial = 0
  run('qemu-img', 'create', '-q', '-f', base.format, ...base.options, join(folder, base.file), String(sizeBytes))
  const top = () => files[0]!
  const bitmapsOf = (file: string) => bitmaps.get(file) ?? []
  const ioOn = ({ file, format: kind }: { file: string; format: string }, verb: string, at: number, length: number) => {
    serial += 1
    const bytes = Math.min(length * kib, sizeBytes - at * kib)
    const pattern = verb === 'write' ? `-P ${1 + (serial % 255)} ` : verb === 'zero' ? '-z ' : ''
    qemuIo(file, kind, `${verb === 'discard' ? 'discard' : 'write'} ${pattern}${at * kib} ${bytes}`)
  }
  return {
    root: root.path,
    read: () => qemuRead(top().file, top().format),
    perform: (step: Step) => {
      switch (step.do) {
        case 'write':
        case 'zero':
        case 'discard':
          return ioOn(top(), step.do, step.at, step.length)
        case 'write-parent':
          return files[1] && ioOn(files[1], 'write', step.at, step.length)
        case 'snapshot': {
          if (files.length > 3) return
          serial += 1
          const file = join(folder, child(serial))
          run('qemu-img', 'create', '-q', '-f', format, '-b', top().file, '-F', top().format, file)
          // As libvirt does it: the new top records under the same names, from now on only.
          if (serial % 2 === 0) for (const name of bitmapsOf(top().file)) run('qemu-img', 'bitmap', '--add', file, name)
          if (serial % 2 === 0) bitmaps.set(file, [...bitmapsOf(top().file)])
          return void files.unshift({ file, format })
        }
        case 'commit': {
          if (files.length < 2) return
          run('qemu-img', 'commit', '-q', '-d', '-f', format, top().file)
          return rmSync(files.shift()?.file ?? '')
        }
        case 'add-bitmap': {
          if (top().format !== 'qcow2') return
          serial += 1
          run('qemu-img', 'bitmap', '--add', '-g', serial % 2 === 0 ? '4096' : '65536', top().file, `day-${serial}`)
          return void bitmaps.set(top().file, [...bitmapsOf(top().file), `day-${serial}`])
        }
        case 'remove-bitmap': {
          const [oldest, ...rest] = bitmapsOf(top().file)
          if (oldest === undefined) return
          run('qemu-img', 'bitmap', '--remove', top().file, oldest)
          return void bitmaps.set(top().file, rest)
        }
        case 'copy': {
          copyFileSync(top().file, `${top().file}.new`)
          return renameSync(`${top().file}.new`, top().file)
        }
        case 'capture':
          return
      }
    },
  }
}

describe.skipIf(skipsWithout('qemu-utils'))('incremental backups of images that QEMU writes', () => {
  for (const kind of kinds) {
    it(`${kind.name}: laid over what was stored, they give what QEMU reads`, { timeout: 600_000 }, async () => {
      const modes = new Set<string>()
      await fc.assert(
        fc.asyncProperty(kind.scripts, async (script) => {
          const disks = chain(kind)
          try {
            const backup = backups(disks.root, 'web')
            for (const step of script) {
              disks.perform(step)
              if (step.do !== 'capture') continue
              const taken = await backup.take()
              expect([...taken.keys()]).toEqual(['disk'])
              const { mode, reason, bytes } = taken.get('disk')!
              expect(Buffer.compare(bytes, disks.read()), `${mode}: ${reason}`).toBe(0)
              modes.add(mode)
            }
          } finally {
            rmSync(disks.root, { recursive: true })
          }
        }),
        { numRuns },
      )
      // Scripts that never come to what they are for would prove nothing.
      expect([...modes].sort()).toEqual(['full', 'incremental'])
    })
  }
})
