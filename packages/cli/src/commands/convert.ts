import { resolve } from 'node:path'
import { copyImage } from '@holdfast/formats'
import { createImageFile, formatOfPath } from '@holdfast/machine-files'
import { asFormat, type ImageOptions, openNamedImage } from '../image-access.js'
import type { Invocation, Outcome } from '../invocation.js'
import { usageError } from '../output.js'
import { printable } from '../render/printable.js'
import { progressView } from '../render/progress.js'
import { formatBytes, formatDuration } from '../render/units.js'

/** What to make of an image. */
export interface ConvertOptions extends ImageOptions {
  readonly as?: string
  readonly variant?: string
  readonly compress?: boolean
}

const progressEveryMs = 200

/** Writes the disk that an image and its parents hold as a new image. */
export async function convert(
  invocation: Invocation,
  from: string,
  to: string,
  options: ConvertOptions,
): Promise<Outcome> {
  const { output, signal, cwd } = invocation
  const startedAt = performance.now()
  const path = resolve(cwd, to)
  const format = options.as === undefined ? formatOfPath(path) : asFormat(options.as, '--as')
  if (format === undefined)
    throw usageError(`The ending of ${to} names no format.`, 'Give one with --as raw, vmdk, vhd, vhdx or qcow2.')
  await using image = await openNamedImage(invocation, from, options)
  const totalBytes = image.sizeBytes
  await using created = await createImageFile(path, {
    format,
    sizeBytes: totalBytes,
    ...(options.variant !== undefined && { variant: options.variant }),
    compress: options.compress === true,
    blocking: true,
  })
  const { variant, sizeBytes } = created.writer
  if (sizeBytes !== totalBytes)
    output.warning(`the disk has ${totalBytes} bytes; ${format} has whole sectors only: ${sizeBytes}, the rest zeros`)
  using progress = progressView(output, 'written')
  const { readBytes } = await copyImage(image, created.writer, {
    signal,
    onProgress: atMostEvery(progressEveryMs, (positionBytes) =>
      progress.onEvent({ type: 'convert-progress', positionBytes, totalBytes }),
    ),
  })
  const { fileBytes } = await created.commit()
  progress.close()
  const took = formatDuration(performance.now() - startedAt)
  output.line(
    printable(
      `${to}: ${format} ${variant}, ${formatBytes(readBytes)} read, file of ${formatBytes(fileBytes)}, in ${took}`,
    ),
  )
  return { exitCode: 0, result: { file: path, format, variant, sizeBytes, readBytes, fileBytes } }
}

/** Passes on a position when some time has gone by since the last one that was. */
function atMostEvery(ms: number, pass: (position: number) => void): (position: number) => void {
  let passedAt = performance.now()
  return (position) => {
    const now = performance.now()
    if (now - passedAt < ms) return
    passedAt = now
    pass(position)
  }
}
