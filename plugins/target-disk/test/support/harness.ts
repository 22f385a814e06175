import {
  type CallOptions,
  type Logger,
  type ObjectKey,
  objectKey,
  type PluginContext,
  type TargetSession,
} from '@holdfast/core'
import { testContext as hostContext } from '@holdfast/testkit'
import { memfs } from 'memfs'
import { type DiskTargetOptions, diskTarget, type FileSystem } from '../../src/index.js'

export const call: CallOptions = { signal: new AbortController().signal }
export const key = (text: string): ObjectKey => objectKey(text)

/** A context that keeps what was logged. */
export function testContext(overrides: Partial<PluginContext> = {}): PluginContext & { readonly logged: string[] } {
  const logged: string[] = []
  const log = (message: string) => void logged.push(message)
  const logger: Logger = { trace: log, debug: log, info: log, warn: log, error: log, fatal: log }
  return { ...hostContext({ tempDir: '/tmp', baseDir: '/disk', logger }), ...overrides, logged }
}

/** An empty disk in memory, mounted at `/disk`, as the port sees it. */
export function memoryDisk() {
  const { fs, vol } = memfs({ '/disk': null })
  // memfs types its promises by hand; this is the one place that says they are the port.
  const port = fs.promises as unknown as FileSystem
  return { port, vol }
}

/** Opens a target on a port. */
export async function openDisk(port: FileSystem, options: Partial<DiskTargetOptions> = {}, context = testContext()) {
  return await diskTarget({ path: '/disk/vault', ...options }, port).open(context)
}

export async function* bodyOf(...parts: readonly (Uint8Array | string)[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield typeof part === 'string' ? new TextEncoder().encode(part) : part
}

/** Reads an object to its end, copying each buffer as the contract asks for. */
export async function readAll(
  session: TargetSession,
  name: string,
  range?: { offset: number; length: number },
): Promise<Buffer> {
  const parts: Buffer[] = []
  const options = range === undefined ? call : { ...call, range }
  for await (const bytes of session.get(key(name), options)) parts.push(Buffer.from(bytes))
  return Buffer.concat(parts)
}

export async function readText(session: TargetSession, name: string): Promise<string> {
  return (await readAll(session, name)).toString()
}

export async function namesIn(session: TargetSession, prefix = ''): Promise<string[]> {
  const names: string[] = []
  for await (const object of session.list(prefix, call)) names.push(object.key)
  return names.sort()
}

/** Bytes that differ from place to place. */
export function numbered(size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size)
  for (let index = 0; index < size; index++) bytes[index] = index * 31 + (index >> 8)
  return bytes
}
