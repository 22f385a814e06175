import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runQuietly } from '../measure/run-quietly.ts'
import { makeExt4Image } from './ext4-image.ts'
import { makeGuestData } from './guest-data.ts'
import { type GuestWrites, writeLikeGuest } from './guest-writes.ts'
import { writeIncompressible } from './incompressible.ts'
import { writeMultipliedImage } from './multiplied-image.ts'
import { copyRealFiles } from './real-files.ts'
import type { Scale } from './scale.ts'
import { writeScatteredImage } from './scattered-image.ts'
import type { ByteRange } from './units.ts'

/** Raise when any generator changes: what an older one made is then thrown away. */
const generation = 1

/** The disk images of the benchmark, each made when first asked for and kept. Paths are absolute. */
export interface Workloads {
  /** ext4 with real files, about 55 % full. */
  disk(): Promise<string>
  /** The disk a day later: writes of 3 % of its size, clustered. */
  dayTwo(): Promise<{ readonly image: string; readonly changes: readonly ByteRange[] }>
  /** Machines made from one template, each with 2 % of its own. */
  clones(): Promise<readonly string[]>
  incompressible(): Promise<string>
  /** QCOW2: noise and text. */
  guestData(): Promise<string>
  /** As incompressible, of another size. */
  nbdExport(): Promise<string>
  /** As incompressible, as large as the disk. */
  noise(): Promise<string>
  /** As incompressible, of a few blocks of tape. */
  tapeBlocks(): Promise<string>
  /** Several times the disk, as full as it, for the proof that memory does not grow. */
  large(): Promise<string>
  /** The template's content spread over a very large sparse disk. */
  scattered(): Promise<string>
  /** The template of the clones. */
  template(): Promise<string>
  /** A copy of it that only one tool links to: a new link to a file makes restic and borg believe it has changed. */
  templateFor(tool: string): Promise<string>
}

/** Opens the cache of workloads in a folder. Guarantee: an image that exists is complete. */
export function openWorkloads(folder: string, scale: Scale): Workloads {
  const at = (name: string): string => join(folder, name)
  discardOtherGeneration(folder, at('generation.json'), scale)

  const once = async (name: string, make: (partial: string) => void | Promise<void>): Promise<string> => {
    const image = at(name)
    if (existsSync(image)) return image
    console.error(`making ${name}`)
    const partial = at(`${name}.partial`)
    rmSync(partial, { force: true })
    await make(partial)
    renameSync(partial, image)
    return image
  }

  const withFiles = async (image: string, sizeBytes: number, fileBytes: number, seed: number): Promise<void> => {
    const files = at('files')
    rmSync(files, { recursive: true, force: true })
    mkdirSync(files)
    const copied = copyRealFiles(files, fileBytes, seed)
    if (copied < fileBytes * 0.95) {
      throw new Error(`/usr has only ${copied} bytes of files, ${fileBytes} are needed: install more packages`)
    }
    await makeExt4Image(image, sizeBytes, files)
    rmSync(files, { recursive: true })
  }

  const disk = (): Promise<string> => once('disk.img', (image) => withFiles(image, scale.diskBytes, scale.fileBytes, 1))

  const template = (): Promise<string> =>
    once('template.img', (image) => withFiles(image, scale.cloneBytes, scale.cloneFileBytes, 2))

  const changed = async (image: string, original: string, writes: GuestWrites): Promise<ByteRange[]> => {
    await runQuietly('cp', ['--sparse=always', original, image])
    return writeLikeGuest(image, writes)
  }

  return {
    disk,
    template,
    async dayTwo() {
      const original = await disk()
      const changesFile = at('day-two.changes.json')
      const image = await once('day-two.img', async (partial) => {
        const changes = await changed(partial, original, { seed: 7, share: 0.03 })
        writeFileSync(changesFile, JSON.stringify(changes))
      })
      return { image, changes: parseRanges(readFileSync(changesFile, 'utf8')) }
    },
    async clones() {
      const original = await template()
      const images: string[] = []
      for (let clone = 0; clone < scale.clones; clone++) {
        const writes = { seed: 100 + clone, share: 0.02 }
        images.push(
          await once(`clone-${clone}.img`, async (partial) => {
            await changed(partial, original, writes)
          }),
        )
      }
      return images
    },
    incompressible: () => once('incompressible.img', (image) => writeIncompressible(image, scale.incompressibleBytes)),
    guestData: () => once('guest-data.qcow2', (image) => makeGuestData(image, scale.guest)),
    nbdExport: () => once('nbd-export.img', (image) => writeIncompressible(image, scale.nbdBytes)),
    noise: () => once('noise.img', (image) => writeIncompressible(image, scale.diskBytes)),
    tapeBlocks: () => once('tape-blocks.img', (file) => writeIncompressible(file, scale.tape.pieceBytes)),
    async large() {
      const original = await disk()
      return once('large.img', (image) => writeMultipliedImage(image, original, scale.largeTimes))
    },
    async templateFor(tool) {
      const original = await template()
      return once(`template-${tool}.img`, async (image) => {
        await runQuietly('cp', ['--sparse=always', original, image])
      })
    },
    async scattered() {
      const original = await template()
      return once('scattered.img', (image) => writeScatteredImage(image, original, scale.scatteredBytes))
    },
  }
}

function discardOtherGeneration(folder: string, stampFile: string, scale: Scale): void {
  const stamp = JSON.stringify({ generation, scale })
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  writeFileSync(stampFile, stamp)
}

function parseRanges(text: string): ByteRange[] {
  const value: unknown = JSON.parse(text)
  if (!Array.isArray(value)) throw new TypeError('The list of changes is not an array')
  return value.map((range: unknown): ByteRange => {
    if (!Array.isArray(range)) throw new TypeError('A change is not a pair of numbers')
    const [offset, length]: unknown[] = range
    if (typeof offset !== 'number' || typeof length !== 'number') {
      throw new TypeError('A change is not a pair of numbers')
    }
    return [offset, length]
  })
}
