import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, statSync, truncateSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative, sep } from 'node:path'
import { type PipelineTarget, secretValue, type TransformPlugin } from '@holdfast/core'
import {
  engineHost,
  type OpenRepositoryTarget,
  openTarget,
  openTargetRepository,
  repositoryAccess,
  restoreScriptBytes,
  runPipeline,
} from '@holdfast/core/engine'
import { type ChunkHash, initRepository } from '@holdfast/core/repository'
import { imageSource } from '@holdfast/source-image'
import { diskTarget } from '@holdfast/target-disk'
import { aesGcmTransform } from '@holdfast/transform-aes-gcm'
import { zstdTransform } from '@holdfast/transform-zstd'

export const passphrase = 'correct horse battery staple'

/** How the data of a test repository is encoded. */
export type Encoding = 'encrypted' | 'compressed' | 'plain'

const transformsOf: Readonly<Record<Encoding, readonly TransformPlugin[]>> = {
  encrypted: [zstdTransform({ level: 1 }), aesGcmTransform({ passphrase: { env: 'HOLDFAST_PASSPHRASE' } })],
  compressed: [zstdTransform({ level: 1 })],
  plain: [],
}

const host = engineHost({ resolveSecret: async () => secretValue(passphrase) })
const signal = new AbortController().signal

function targetAt(
  folder: string,
  encoding: Encoding,
): PipelineTarget & { readonly offered: readonly TransformPlugin[] } {
  return { name: 'vault', plugin: diskTarget({ path: folder }), transforms: transformsOf[encoding], offered: [] }
}

/** Makes a repository with the script in it. */
export async function makeRepository(folder: string, encoding: Encoding, chunkHash?: ChunkHash): Promise<void> {
  const target = targetAt(folder, encoding)
  await using opened = await openTarget(target, host, { signal })
  const access = await repositoryAccess(target, host, { signal })
  await initRepository(opened.store, access, await restoreScriptBytes(), { signal, chunkHash })
}

/** Backs up every machine of a folder. */
export async function backUp(machines: string, folder: string, encoding: Encoding): Promise<void> {
  const pipeline = { name: 'nightly', source: imageSource({ path: machines }), targets: [targetAt(folder, encoding)] }
  const { status, machines: reports } = await runPipeline(pipeline, host, { signal })
  if (status !== 'done') throw new Error(`the backup is ${status}: ${JSON.stringify(reports)}`)
}

export function openAt(folder: string, encoding: Encoding): Promise<OpenRepositoryTarget> {
  return openTargetRepository(targetAt(folder, encoding), host, { signal })
}

/** Runs the script that is in the repository, with plain Node and an environment of nothing but what is given. */
export function runScript(
  folder: string,
  words: readonly string[],
  environment: Readonly<Record<string, string>> = { HOLDFAST_PASSPHRASE: passphrase },
) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(folder, 'restore.mjs'), ...words], {
    cwd: tmpdir(),
    env: environment,
    encoding: 'utf8',
    timeout: 60_000,
  })
  return { status, stdout, stderr }
}

/** Digests of all files below a folder, by path. */
export function digestsBelow(folder: string): Readonly<Record<string, string>> {
  const digests: Record<string, string> = {}
  for (const path of filesBelow(folder))
    digests[path] = createHash('sha256')
      .update(readFileSync(join(folder, path)))
      .digest('hex')
  return digests
}

/** Paths of all files below a folder, with `/` between their parts. */
export function filesBelow(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).replaceAll(sep, '/'))
    .sort()
}

/** Bytes that a file takes on its disk. */
export function allocatedBytes(path: string): number {
  return statSync(path).blocks * 512
}

/** Makes a sparse image with data at some places. */
export function makeImage(
  path: string,
  sizeBytes: number,
  data: readonly { readonly at: number; readonly bytes: Uint8Array }[],
): void {
  const file = openSync(path, 'w')
  for (const { at, bytes } of data) writeSync(file, bytes, 0, bytes.length, at)
  closeSync(file)
  truncateSync(path, sizeBytes)
}

/** Bytes that do not compress, the same for the same seed. */
export function noise(seed: number, sizeBytes: number): Uint8Array {
  const blocks = Math.ceil(sizeBytes / 32)
  const parts = Array.from({ length: blocks }, (_, i) => createHash('sha256').update(`${seed} ${i}`).digest())
  return Buffer.concat(parts).subarray(0, sizeBytes)
}

/** Two machines: disks with data and holes, of odd size, empty, and without any data. */
export function makeMachines(folder: string): void {
  mkdirSync(join(folder, 'web'), { recursive: true })
  mkdirSync(join(folder, 'db'))
  const text = Buffer.from('the quick brown fox '.repeat(30_000))
  makeImage(join(folder, 'web', 'system.raw'), 45 * 2 ** 20 + 1234, [
    { at: 0, bytes: noise(1, 700_000) },
    { at: 2 ** 20, bytes: text },
    { at: 33 * 2 ** 20 + 77, bytes: noise(2, 100_000) },
    { at: 45 * 2 ** 20, bytes: noise(3, 1234) },
  ])
  makeImage(join(folder, 'web', 'empty.raw'), 0, [])
  makeImage(join(folder, 'db', 'odd.raw'), 5001, [{ at: 10, bytes: noise(4, 100) }])
  makeImage(join(folder, 'db', 'thin.raw'), 70 * 2 ** 20, [{ at: 2 ** 26 + 4096, bytes: noise(5, 4096) }])
  makeImage(join(folder, 'db', 'blank.raw'), 35 * 2 ** 20, [])
}
