import { type Capture, type CapturedDisk, type PreparedCapture, type SourcePlugin, wrapSource } from '@holdfast/core'
import type { DiskImage } from '@holdfast/testkit/images'

/** A full disk whose every block is another, made without effort; `onRead` hears of every read. */
export function cheapImage(sizeBytes: number, onRead: (length: number) => void = () => {}): DiskImage {
  return {
    sizeBytes,
    extents: () => [{ offset: 0, length: sizeBytes, kind: 'data' }],
    fillRange: (offset, into) => {
      onRead(into.length)
      const view = new DataView(into.buffer, into.byteOffset, into.byteLength)
      into.fill(7)
      for (let at = 0; at + 4 <= into.length; at += 4096) view.setUint32(at, (offset + at) / 4096 + 1, true)
    },
  }
}

/** A disk that is unallocated but for a block of 4 KiB at the start of every `stepBytes`. */
export function dottedImage(sizeBytes: number, stepBytes: number): DiskImage {
  const dot = 4096
  return {
    sizeBytes,
    extents: function* () {
      for (let offset = 0; offset < sizeBytes; offset += stepBytes) yield { offset, length: dot, kind: 'data' as const }
    },
    fillRange: (offset, into) => {
      into.fill(0)
      const view = new DataView(into.buffer, into.byteOffset, into.byteLength)
      const first = Math.ceil(offset / stepBytes) * stepBytes
      for (let at = first; at + 8 <= offset + into.length; at += stepBytes) view.setFloat64(at - offset, at + 1, true)
    },
  }
}

/** Changes the captures of a source. */
export function withCaptures(inner: SourcePlugin, change: (capture: Capture) => Capture): SourcePlugin {
  return withTake(inner, async (prepared, options) => change(await prepared.take(options)))
}

/** Changes the disks of a source's captures. */
export function withDisks(inner: SourcePlugin, change: (disk: CapturedDisk) => CapturedDisk): SourcePlugin {
  return withCaptures(inner, (capture) => ({ ...capture, disks: capture.disks.map(change) }))
}

/** Changes how a source takes captures. */
export function withTake(
  inner: SourcePlugin,
  take: (prepared: PreparedCapture, options: Parameters<PreparedCapture['take']>[0]) => Promise<Capture>,
): SourcePlugin {
  return wrapSource(inner, (session) => ({
    ...session,
    prepare: async (machine, request, options) => {
      const prepared = await session.prepare(machine, request, options)
      return {
        take: (call) => take(prepared, call),
        [Symbol.asyncDispose]: () => prepared[Symbol.asyncDispose](),
      }
    },
  }))
}
