import type { NamedSource } from '../bytes/byte-source.js'
import type { ImageCodec } from '../image/codec.js'
import type { Run } from '../image/layer.js'

/** Bytes as they are. Recognises every file, so it must be the last to be asked. */
export const rawCodec: ImageCodec = {
  format: 'raw',
  recognise: async () => true,
  open: async (file) => ({
    format: 'raw',
    variant: 'plain',
    sizeBytes: file.source.sizeBytes,
    sectorBytes: 512,
    details: {},
    runs: (offset, length) => rawRuns(file, offset, length),
    problems: async function* () {},
    close: async () => {},
  }),
}

/** Yields data as stored and holes as absent. */
async function* rawRuns({ source }: NamedSource, offset: number, length: number): AsyncGenerator<Run, void, undefined> {
  const end = offset + length
  let at = offset
  const ranges = source.dataRanges?.({ offset, length }) ?? [{ offset, length }]
  for await (const data of ranges) {
    if (data.offset > at) yield { kind: 'absent', offset: at, length: data.offset - at }
    yield { kind: 'stored', ...data, source, at: data.offset }
    at = data.offset + data.length
  }
  if (at < end) yield { kind: 'absent', offset: at, length: end - at }
}
