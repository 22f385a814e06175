import type { NamedSource } from '../../src/bytes/byte-source.js'
import type { ImageCodec } from '../../src/image/codec.js'
import type { ImageLayer, Run } from '../../src/image/layer.js'

/** What a made-up image says of itself; the files of a chain are a map from their names. */
export interface FakeImage {
  readonly sizeBytes: number
  readonly runs: readonly Run[]
  readonly parents?: readonly string[]
  readonly parentIdentity?: string
  readonly identity?: string
}

/** A chain of made-up images, and which of its files and layers are open. */
export interface FakeChain {
  readonly codec: ImageCodec
  readonly file: (name: string) => NamedSource
  readonly open: (name: string) => Promise<NamedSource | undefined>
  readonly openFiles: Set<string>
  readonly openLayers: Set<string>
}

/** Makes a chain; a run that reaches past what is asked for is cut. */
export function fakeChain(images: Readonly<Record<string, FakeImage>>): FakeChain {
  const openFiles = new Set<string>()
  const openLayers = new Set<string>()
  const file = (name: string): NamedSource => {
    openFiles.add(name)
    const source = { sizeBytes: 512, read: async () => {} }
    return { name, source, close: async () => void openFiles.delete(name) }
  }
  const layer = (name: string, image: FakeImage): ImageLayer => {
    const { sizeBytes, runs, parents, parentIdentity, identity } = image
    openLayers.add(name)
    return {
      format: 'vmdk',
      variant: 'fake',
      sizeBytes,
      sectorBytes: 512,
      details: {},
      ...(identity !== undefined && { identity }),
      ...(parents !== undefined && {
        parent: { names: parents, ...(parentIdentity !== undefined && { identity: parentIdentity }) },
      }),
      runs: async function* (offset, length) {
        for (const run of runs) {
          const from = Math.max(offset, run.offset)
          const to = Math.min(offset + length, run.offset + run.length)
          if (from < to) yield part(run, from, to - from)
        }
      },
      problems: async function* () {
        yield { severity: 'note', message: `of ${name}` }
      },
      close: async () => void openLayers.delete(name),
    }
  }
  return {
    codec: {
      format: 'vmdk',
      recognise: async () => true,
      open: async ({ name }) => {
        const image = images[name]
        if (image === undefined) throw new Error(`${name} is broken`)
        return layer(name, image)
      },
    },
    file,
    open: async (name) => (name in images || name === 'broken' ? file(name) : undefined),
    openFiles,
    openLayers,
  }
}

function part(run: Run, offset: number, length: number): Run {
  const moved = { ...run, offset, length }
  return moved.kind === 'stored' ? { ...moved, at: moved.at + offset - run.offset } : moved
}
