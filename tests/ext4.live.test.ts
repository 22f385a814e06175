import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseSizeBytes } from '@holdfast/core'
import { restorePoint, runPipeline, workerPool } from '@holdfast/core/engine'
import { placeInFolder } from '@holdfast/machine-files'
import { imageSource } from '@holdfast/source-image'
import { diskTarget } from '@holdfast/target-disk'
import { mix, seededBytes } from '@holdfast/testkit/images'
import { fileDigest, programEnvironment, run, skipsWithout, tempFolder } from 'holdfast-lab'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { call, chainFor, hostAt, initVault, openVault } from './support/vault.js'

const sizeBytes = parseSizeBytes(process.env['HOLDFAST_EXT4_SIZE'] ?? '512MiB')
const seed = 20_261_122

describe.skipIf(skipsWithout('e2fsprogs'))('an ext4 file system of real files', () => {
  const { path: folder } = tempFolder(afterAll)
  const image = join(folder, 'machines', 'web', 'sda.raw')

  beforeAll(() => {
    mkdirSync(join(folder, 'machines', 'web'), { recursive: true })
    generateFiles(join(folder, 'files'), sizeBytes * 0.55)
    writeFileSync(image, '')
    truncateSync(image, sizeBytes)
    run('mke2fs', '-q', '-F', '-t', 'ext4', '-E', 'lazy_itable_init=1', '-d', join(folder, 'files'), image)
    rmSync(join(folder, 'files'), { recursive: true })
  }, 600_000)

  it('comes back with the same digest, clean, and with its holes', async () => {
    const host = hostAt({ daysAgo: 0 })
    const chain = chainFor('encrypted')
    const place = { name: 'vault', plugin: diskTarget({ path: join(folder, 'vault') }) }
    await initVault(place, chain, host)
    const source = imageSource({ path: join(folder, 'machines') })
    const startedAt = performance.now()
    const report = await runPipeline({ name: 'nightly', source, transforms: chain, targets: [place] }, host, call)
    const storedAt = performance.now()
    expect(report.status).toBe('done')
    const repository = await openVault(place, chain, host)
    const [entry] = (await repository.points.list(call)).entries
    if (entry === undefined) throw new Error('no point was stored')
    await using pool = workerPool(2)
    const out = join(folder, 'restored')
    const restored = await restorePoint(
      repository,
      entry.point,
      (machine, disks) => placeInFolder(out, machine, disks),
      pool,
      call,
    )
    const restoredAt = performance.now()

    const copy = join(restored.location, 'sda.raw')
    const [before, after] = await Promise.all([fileDigest(image), fileDigest(copy)])
    const allocated = { source: allocatedBytes(image), restored: allocatedBytes(copy) }
    const check = spawnSync('e2fsck', ['-f', '-n', copy], { encoding: 'utf8', env: programEnvironment() })
    const figures = [
      `image ${mib(sizeBytes)}, allocated ${mib(allocated.source)}; restored image allocates ${mib(allocated.restored)}`,
      `read ${mib(entry.point.readBytes)}, stored ${mib(entry.point.storedBytes)}`,
      `backup ${((storedAt - startedAt) / 1000).toFixed(1)} s, restore ${((restoredAt - storedAt) / 1000).toFixed(1)} s`,
      `SHA-256 of both ${before}`,
      `e2fsck: ${check.stdout.trim().split('\n').at(-1)}`,
    ]
    process.stdout.write(`${figures.join('\n')}\n`)
    expect(after).toBe(before)
    expect(check.status, check.stdout).toBe(0)
    expect(statSync(copy).size).toBe(sizeBytes)
    expect(allocated.source).toBeLessThan(sizeBytes)
    expect(allocated.restored).toBeLessThanOrEqual(allocated.source * 1.05)
  }, 900_000)
})

/** Writes folders of files of many sizes: half text, half noise, some alike. */
function generateFiles(path: string, totalBytes: number): void {
  const words = 'the quick brown fox jumps over the lazy dog while nobody is looking at it'.split(' ')
  const text = (salt: number, length: number) => {
    const line = Array.from({ length: 400 }, (_, i) => words[mix(seed, salt, i) % words.length]).join(' ')
    return Buffer.alloc(length, `${salt} ${line}\n`)
  }
  let written = 0
  for (let file = 0; written < totalBytes; file++) {
    const parent = join(path, `d${mix(seed, file, 1) % 40}`)
    mkdirSync(parent, { recursive: true })
    const length = Math.min(totalBytes - written, 2 ** (10 + (mix(seed, file, 2) % 14)))
    const salt = mix(seed, file, 3) % 5 === 0 ? 1 : file
    writeFileSync(join(parent, `f${file}`), file % 2 === 0 ? text(salt, length) : seededBytes(Math.ceil(length), salt))
    written += length
  }
}

function allocatedBytes(path: string): number {
  return statSync(path).blocks * 512
}

function mib(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`
}
