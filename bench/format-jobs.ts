import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Conversion, conversion } from './contestants/conversion.ts'
import type { Job, JobParts } from './jobs.ts'
import { runQuietly } from './measure/run-quietly.ts'

/** A kind of image, as both programs are told to write it. */
interface Kind {
  readonly id: string
  readonly title: string
  readonly ending: string
  readonly qemuFormat: string
  readonly qemuOptions: readonly string[]
  readonly ourOptions: readonly string[]
}

const plain: readonly Kind[] = [
  { id: 'raw', title: 'raw', ending: '.raw', qemuFormat: 'raw' },
  { id: 'qcow2', title: 'QCOW2', ending: '.qcow2', qemuFormat: 'qcow2' },
  { id: 'vmdk', title: 'VMDK, monolithicSparse', ending: '.vmdk', qemuFormat: 'vmdk' },
  { id: 'vhd', title: 'dynamic VHD', ending: '.vhd', qemuFormat: 'vpc', qemuOptions: ['-o', 'force_size=on'] },
  { id: 'vhdx', title: 'dynamic VHDX', ending: '.vhdx', qemuFormat: 'vhdx' },
].map((kind) => ({ qemuOptions: [], ourOptions: [], ...kind }))

const compressed: readonly Kind[] = [
  {
    id: 'qcow2-compressed',
    title: 'compressed QCOW2',
    ending: '.qcow2',
    qemuFormat: 'qcow2',
    qemuOptions: ['-c'],
    ourOptions: ['--compress'],
  },
  {
    id: 'stream-optimized',
    title: 'VMDK, streamOptimized',
    ending: '.vmdk',
    qemuFormat: 'vmdk',
    qemuOptions: ['-o', 'subformat=streamOptimized'],
    ourOptions: ['--variant', 'streamOptimized'],
  },
]

/** Lists the conversions: the disk from raw into each format and back, against qemu-img. */
export function formatJobs({ workloads, workFolder }: JobParts): readonly Job[] {
  const [raw] = plain
  if (raw === undefined) return []
  const job = (from: Kind, to: Kind): Job => ({
    id: `convert-${from.id}-to-${to.id}`,
    title: `The disk from ${from.title} to ${to.title}`,
    async contestants() {
      const disk = await workloads.disk()
      const shared = { raw: disk, ending: to.ending, qemuFormat: to.qemuFormat, input: () => imageOf(disk, from) }
      const ours: Conversion['command'] = (input, output) => ({
        program: 'holdfast',
        args: ['convert', ...to.ourOptions, input, output],
      })
      const theirs: Conversion['command'] = (input, output) => ({
        program: 'qemu-img',
        args: ['convert', '-f', from.qemuFormat, '-O', to.qemuFormat, ...to.qemuOptions, input, output],
      })
      return [
        conversion(join(workFolder, 'convert'), { ...shared, label: 'holdfast', command: ours }),
        conversion(join(workFolder, 'convert'), { ...shared, label: 'qemu-img', command: theirs }),
      ]
    },
  })
  const others = plain.filter((kind) => kind !== raw)
  return [
    ...others.flatMap((kind) => [job(raw, kind), job(kind, raw)]),
    ...compressed.flatMap((kind) => [job(raw, kind), job(kind, raw)]),
  ]
}

/** The disk as an image of a kind, made by qemu-img and kept beside the workloads. */
async function imageOf(disk: string, { id, ending, qemuFormat, qemuOptions }: Kind): Promise<string> {
  if (id === 'raw') return disk
  const image = join(dirname(disk), `disk-${id}${ending}`)
  if (!existsSync(image))
    await runQuietly('qemu-img', ['convert', '-f', 'raw', '-O', qemuFormat, ...qemuOptions, disk, image])
  return image
}
