import { basename } from 'node:path'
import type { DiskImage, ImageExtent, LayerInfo } from '@holdfast/formats'
import { type ImageOptions, openNamedImage } from '../image-access.js'
import type { Invocation, Outcome } from '../invocation.js'
import { printable } from '../render/printable.js'
import { counted, formatBytes } from '../render/units.js'

export type { ImageOptions } from '../image-access.js'

/** Shows what an image and its parents are. */
export async function imageInfo(invocation: Invocation, path: string, options: ImageOptions): Promise<Outcome> {
  const { output } = invocation
  await using image = await openNamedImage(invocation, path, options)
  const { sizeBytes, layers } = image
  output.document({ sizeBytes, layers: layers.map(layerDocument) })
  for (const [depth, layer] of layers.entries())
    for (const line of layerLines(layer, depth)) output.line(printable(line))
  return { exitCode: 0 }
}

/** Checks the tables of an image and its parents; fails when data may be wrong. */
export async function imageCheck(invocation: Invocation, path: string, options: ImageOptions): Promise<Outcome> {
  const { output, signal } = invocation
  await using image = await openNamedImage(invocation, path, options)
  const problems = []
  for await (const problem of image.problems()) {
    signal.throwIfAborted()
    problems.push(problem)
    const place = problem.offset === undefined ? '' : ` at ${problem.offset}`
    output.line(printable(`${problem.severity}: ${problem.message} (${problem.file}${place})`))
  }
  const corrupt = problems.filter(({ severity }) => severity === 'corrupt').length
  output.document({ ok: corrupt === 0, problems })
  const files = counted(image.layers.length, 'file')
  output.line(corrupt === 0 ? `${files} checked, no damage` : `${files} checked, ${counted(corrupt, 'damaged place')}`)
  return { exitCode: corrupt === 0 ? 0 : 1 }
}

/** Lists the extents of a disk, each as a line or an event as it is found. */
export async function imageMap(invocation: Invocation, path: string, options: ImageOptions): Promise<Outcome> {
  const { output, signal } = invocation
  await using image = await openNamedImage(invocation, path, options)
  const bytes = { data: 0, zero: 0, unallocated: 0 }
  const width = String(image.sizeBytes).length
  output.line(`${'offset'.padStart(width)}  ${'length'.padStart(width)}  kind         file`)
  for await (const extent of image.extents()) {
    signal.throwIfAborted()
    bytes[extent.kind] += extent.length
    const file = fileOf(image, extent)
    output.event({ type: 'extent', ...extent, ...(file !== undefined && { file }) })
    const [offset, length] = [extent.offset, extent.length].map((number) => String(number).padStart(width))
    output.line(
      printable(
        `${offset}  ${length}  ${extent.kind.padEnd(11)}  ${file === undefined ? '' : basename(file)}`.trimEnd(),
      ),
    )
  }
  return { exitCode: 0, result: { sizeBytes: image.sizeBytes, bytes } }
}

function fileOf({ layers }: DiskImage, { kind, depth }: ImageExtent): string | undefined {
  return kind === 'unallocated' ? undefined : layers[depth]?.file
}

function layerDocument({ bitmaps, ...layer }: LayerInfo): object {
  return {
    ...layer,
    bitmaps: bitmaps.map(({ name, granularityBytes, usable }) => ({ name, granularityBytes, usable })),
  }
}

function layerLines(layer: LayerInfo, depth: number): readonly string[] {
  const { file, format, variant, sizeBytes, sectorBytes, fileBytes, identity, details, bitmaps } = layer
  const facts = { ...(sectorBytes !== 512 && { sectorBytes }), ...(identity !== undefined && { identity }), ...details }
  return [
    `${depth === 0 ? '' : `parent ${depth}: `}${depth === 0 ? file : basename(file)}`,
    `  ${format} ${variant}, disk of ${formatBytes(sizeBytes)} (${sizeBytes} bytes), file of ${formatBytes(fileBytes)}`,
    ...Object.entries(facts).map(([name, value]) => `  ${name}: ${value}`),
    ...bitmaps.map(
      ({ name, granularityBytes, usable }) =>
        `  bitmap ${name}: ${formatBytes(granularityBytes)} each${usable ? '' : ', not usable'}`,
    ),
  ]
}
