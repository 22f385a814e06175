import { openImage } from '../../src/image/open-image.js'
import { vhdxCodec } from '../../src/vhdx/index.js'
import { memoryFile } from './memory-file.js'

/** Opens an image with the files it may ask for; `asked` lists the names it asked for. */
export async function openBytes(bytes: Uint8Array, others: Readonly<Record<string, Uint8Array>> = {}) {
  const asked: string[] = []
  const image = await openImage(memoryFile('disk.vhdx', bytes).named(), {
    codecs: [vhdxCodec],
    open: async (name) => {
      asked.push(name)
      const other = others[name]
      return other === undefined ? undefined : memoryFile(name, other).named()
    },
  })
  return Object.assign(image, { asked })
}

/** What a check of an image finds. */
export async function problemsOf(bytes: Uint8Array, others: Readonly<Record<string, Uint8Array>> = {}) {
  await using image = await openBytes(bytes, others)
  const found: { severity: string; message: string; offset?: number }[] = []
  for await (const { severity, message, offset } of image.problems())
    found.push({ severity, message, ...(offset !== undefined && { offset }) })
  return found
}

/** Gathers what an iterable yields. */
export async function collect<T>(items: AsyncIterable<T>): Promise<readonly T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}
