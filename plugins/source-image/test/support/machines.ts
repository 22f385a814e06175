import { closeSync, ftruncateSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type {
  CallOptions,
  Capture,
  ChangeToken,
  DiskId,
  Extent,
  Logger,
  MachineRef,
  PluginContext,
  SourceSession,
} from '@holdfast/core'
import { silentLogger, testContext } from '@holdfast/testkit'
import { tempFolder } from 'holdfast-lab'
import { onTestFinished } from 'vitest'
import { type ImageSourceOptions, imageSource } from '../../src/index.js'

export const call: CallOptions = { signal: new AbortController().signal }

/** A piece of a disk image: bytes at an offset; what lies between is a hole. */
export type Piece = readonly [offset: number, bytes: Uint8Array]

/** A temporary folder of machines, removed after the test. */
export function machineRoot() {
  const { path } = tempFolder(onTestFinished)
  const put = (name: string) => {
    const file = join(path, name)
    mkdirSync(dirname(file), { recursive: true })
    return file
  }
  return {
    path,
    file: (name: string, content: string | Uint8Array = '') => {
      const file = put(name)
      writeFileSync(file, content)
      return file
    },
    folder: (name: string) => {
      mkdirSync(join(path, name), { recursive: true })
      return join(path, name)
    },
    json: (machine: string, description: unknown) =>
      writeFileSync(put(`${machine}/machine.json`), JSON.stringify(description)),
    disk: (name: string, sizeBytes: number, pieces: readonly Piece[] = []) => {
      const file = put(name)
      writeSparse(file, sizeBytes, pieces)
      return file
    },
  }
}

export function writeSparse(file: string, sizeBytes: number, pieces: readonly Piece[]): void {
  const fd = openSync(file, 'w')
  try {
    ftruncateSync(fd, sizeBytes)
    for (const [offset, bytes] of pieces) writeSync(fd, bytes, 0, bytes.length, offset)
  } finally {
    closeSync(fd)
  }
}

export const warnings: string[] = []

/** What a host gives, with a logger that keeps its warnings. */
export function context(baseDir: string): PluginContext {
  warnings.length = 0
  const logger: Logger = { ...silentLogger, warn: (message) => void warnings.push(message) }
  return testContext({ tempDir: tmpdir(), baseDir, logger })
}

export function openSource(path: string, options: Omit<ImageSourceOptions, 'path'> = {}): Promise<SourceSession> {
  return imageSource({ path, ...options }).open(context('/'))
}

export async function refOf(session: SourceSession, name: string): Promise<MachineRef> {
  for await (const ref of session.discover({ include: [name] }, call)) return ref
  throw new Error(`no machine '${name}'`)
}

/** Prepares and takes one machine; the capture is released after the test. */
export async function capture(
  path: string,
  name: string,
  previous: Readonly<Record<string, string>> = {},
  options: Omit<ImageSourceOptions, 'path'> = {},
): Promise<Capture> {
  const session = await openSource(path, options)
  const prepared = await session.prepare(await refOf(session, name), { previous: tokens(previous) }, call)
  const taken = await prepared.take(call)
  onTestFinished(() => taken[Symbol.asyncDispose]())
  return taken
}

export function tokens(previous: Readonly<Record<string, string>>): ReadonlyMap<DiskId, ChangeToken> {
  return new Map(Object.entries(previous).map(([id, token]) => [id as DiskId, token as ChangeToken]))
}

export function only(kind: Extent['kind'], extents: readonly Extent[]): [offset: number, length: number][] {
  return extents.filter((extent) => extent.kind === kind).map(({ offset, length }) => [offset, length])
}

/** Bytes without a zero among them, so that every one of them counts as data. */
export function filled(length: number, seed = 1): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => 1 + ((at * 31 + seed * 17) % 255))
}
