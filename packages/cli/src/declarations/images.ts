import type { ConvertOptions } from '../commands/convert.js'
import type { ImageOptions } from '../commands/image.js'
import type { Declare } from './declare.js'

const formats = 'raw, vmdk, vhd, vhdx or qcow2'
const parentsIn = [
  '--parents-in <folder>',
  "folder that parents and extents may lie in (default: the image's own)",
] as const

/** Declares what is done with disk images, without any repository. */
export function declareImages(declare: Declare): void {
  const [convert, chooseConvert] = declare('convert', 'write a disk image anew in another format')
  convert
    .argument('<in>', 'image; its parents are read through it')
    .argument('<out>', 'image to make; must not be there')
    .option('--from <format>', `format of <in>: ${formats} (default: what its bytes say)`)
    .option('--as <format>', `format of <out>: ${formats} (default: by its ending)`)
    .option('--variant <name>', 'kind of image within the format: streamOptimized, fixed, …')
    .option('--compress', 'compress: qcow2, and vmdk as streamOptimized')
    .option(...parentsIn)
    .action((from: string, to: string, options: ConvertOptions) =>
      chooseConvert(true, async (invocation) =>
        (await import('../commands/convert.js')).convert(invocation, from, to, options),
      ),
    )

  const [image] = declare('image', 'look at disk images')
  const looks = [
    ['info', 'show what an image and its parents are', false],
    ['check', 'look for damage in the tables of an image and its parents', false],
    ['map', 'list which parts of a disk hold data, and in which file', true],
  ] as const
  for (const [name, description, streams] of looks) {
    const [command, choose] = declare(name, description, image)
    command
      .argument('<image>', 'image file')
      .option('--from <format>', `format: ${formats} (default: what its bytes say)`)
      .option(...parentsIn)
      .action((path: string, options: ImageOptions) =>
        choose(streams, async (invocation) => {
          const commands = await import('../commands/image.js')
          const perform = { info: commands.imageInfo, check: commands.imageCheck, map: commands.imageMap }[name]
          return perform(invocation, path, options)
        }),
      )
  }
}
