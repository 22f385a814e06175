import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { restoreScriptBytes, rotateKeys } from '@holdfast/core/engine'
import { describe, expect, it } from 'vitest'
import { largestPack } from './support/script-damage.js'
import {
  allocatedBytes,
  backUp,
  digestsBelow,
  makeImage,
  makeRepository,
  noise,
  openAt,
  passphrase,
  runScript,
} from './support/script-repository.js'
import { encodings, imagesBelow, scriptVaults } from './support/script-vaults.js'

const { folder, machines, vaultOf, copyOf, outputFolder } = scriptVaults()

describe.each(encodings)('a repository that is %s', (encoding) => {
  it('is restored byte for byte, with its holes, and stays as it was', () => {
    const before = digestsBelow(vaultOf(encoding))
    const out = outputFolder()
    for (const machine of ['web', 'db']) {
      expect(runScript(vaultOf(encoding), ['restore', `${machine}@latest`, out])).toMatchObject({
        status: 0,
        stderr: '',
      })
    }
    expect(imagesBelow(out)).toEqual(imagesBelow(machines))
    for (const image of Object.keys(imagesBelow(out))) {
      expect(allocatedBytes(join(out, image))).toBeLessThanOrEqual(allocatedBytes(join(machines, image)))
    }
    expect(digestsBelow(vaultOf(encoding))).toEqual(before)
  })

  it('is found whole by check', () => {
    expect(runScript(vaultOf(encoding), ['check'])).toMatchObject({ status: 0, stderr: '' })
  })

  it('is read from several folders that each hold a part of it', () => {
    const whole = copyOf(encoding)
    const tapes = outputFolder()
    const moved = largestPack(whole)
    mkdirSync(join(tapes, 'tape-1', moved, '..'), { recursive: true })
    renameSync(join(whole, moved), join(tapes, 'tape-1', moved))
    const out = outputFolder()
    const words = ['restore', 'web@latest', out]
    expect(runScript(whole, words)).toMatchObject({ status: 1, stderr: expect.stringContaining(moved) })
    expect(runScript(whole, [...words, '--repo', whole, '--repo', tapes])).toMatchObject({ status: 0, stderr: '' })
    expect(imagesBelow(join(out, 'web'))).toEqual(imagesBelow(join(machines, 'web')))
  })
})

describe('the script', () => {
  it('is in the repository as the package has it', async () => {
    expect(readFileSync(join(vaultOf('plain'), 'restore.mjs'))).toEqual(Buffer.from(await restoreScriptBytes()))
  })

  it('lists every point with machine, time and disks', () => {
    const { status, stdout } = runScript(vaultOf('encrypted'), ['list'])
    expect(status).toBe(0)
    expect(stdout.trim().split('\n')).toHaveLength(2)
    expect(stdout).toMatch(/^\d{8}T\d{6}Z-[0-9a-f]+ {2}web {2}.*system \(47187154 bytes\)/m)
  })

  it('opens nothing with a wrong passphrase, and says what it wants without one', () => {
    const out = outputFolder()
    const words = ['restore', 'web@latest', out]
    const wrong = runScript(vaultOf('encrypted'), words, { HOLDFAST_PASSPHRASE: `${passphrase}!` })
    expect(wrong).toMatchObject({ status: 1, stderr: expect.stringContaining('opens none of the key slots') })
    const none = runScript(vaultOf('encrypted'), words, {})
    expect(none).toMatchObject({ status: 1, stderr: expect.stringContaining('HOLDFAST_PASSPHRASE') })
    expect(existsSync(out)).toBe(false)
  })

  it('takes the passphrase from a file, less the end of its line', () => {
    const file = join(folder, 'passphrase')
    writeFileSync(file, `${passphrase}\n`)
    expect(runScript(vaultOf('encrypted'), ['list', '--passphrase-file', file], {})).toMatchObject({ status: 0 })
  })

  it('overwrites nothing', () => {
    const out = outputFolder()
    mkdirSync(join(out, 'web'), { recursive: true })
    writeFileSync(join(out, 'web', 'system.raw'), 'mine')
    const { status, stderr } = runScript(vaultOf('plain'), ['restore', 'web@latest', out])
    expect(status).toBe(1)
    expect(stderr).toContain('already')
    expect(readFileSync(join(out, 'web', 'system.raw'), 'utf8')).toBe('mine')
  })

  it('answers wrong use with exit code 2', () => {
    for (const words of [[], ['restore'], ['restore', 'web@latest'], ['list', '--all'], ['frobnicate']]) {
      expect(runScript(vaultOf('plain'), words)).toMatchObject({ status: 2, stderr: expect.stringContaining('Usage') })
    }
  })

  it('names a point that is not there, and a folder that holds no repository', () => {
    expect(runScript(vaultOf('plain'), ['restore', 'nobody@latest', outputFolder()])).toMatchObject({ status: 1 })
    const nothing = join(folder, 'nothing')
    mkdirSync(nothing)
    const { status, stderr } = runScript(vaultOf('plain'), ['list', '--repo', nothing])
    expect(status).toBe(1)
    expect(stderr).toContain(nothing)
  })
})

describe.each(
  (['blake3', 'sha-256'] as const).flatMap((hash) =>
    (['encrypted', 'plain'] as const).map((as) => [hash, as] as const),
  ),
)('a repository whose chunk ids are %s, and that is %s', (hash, encoding) => {
  const vault = join(folder, `${hash}-${encoding}`)

  it('is restored byte for byte and found whole', async () => {
    await makeRepository(vault, encoding, hash)
    await backUp(machines, vault, encoding)
    expect(JSON.parse(readFileSync(join(vault, 'holdfast.json'), 'utf8'))).toMatchObject({ chunkHash: hash })
    const out = outputFolder()
    for (const machine of ['web', 'db']) {
      const words = ['restore', `${machine}@latest`, out]
      expect(runScript(vault, words)).toMatchObject({ status: 0, stderr: '' })
    }
    expect(imagesBelow(out)).toEqual(imagesBelow(machines))
    expect(runScript(vault, ['check'])).toMatchObject({ status: 0, stderr: '' })
  })
})

describe('a huge disk with one block in each span of its tree', () => {
  it('is restored, though its tree has more nodes than a frame may hold', async () => {
    const own = join(folder, 'huge')
    const vault = join(folder, 'huge-vault')
    const places = Array.from({ length: 2100 }, (_, i) => i * 2 ** 25 + (i % 2 === 0 ? 4096 : 0))
    const sizeBytes = 2100 * 2 ** 25
    mkdirSync(join(own, 'web'), { recursive: true })
    makeImage(
      join(own, 'web', 'disk.raw'),
      sizeBytes,
      places.map((at, i) => ({ at, bytes: noise(10 + i, 4096) })),
    )
    await makeRepository(vault, 'compressed')
    await backUp(own, vault, 'compressed')
    const out = outputFolder()
    expect(runScript(vault, ['restore', 'web@latest', out])).toMatchObject({ status: 0 })
    const restored = join(out, 'web', 'disk.raw')
    expect(statSync(restored).size).toBe(sizeBytes)
    // Nothing but the blocks, each where it was; the file system may take some more to remember where.
    expect(allocatedBytes(restored)).toBeLessThanOrEqual(places.length * 4096 * 1.1)
    for (const [i, at] of places.entries()) {
      if (!bytesAt(restored, at, 4096).equals(noise(10 + i, 4096))) throw new Error(`the block at ${at} is another`)
    }
  })
})

describe('a repository whose keys were rotated between two runs', () => {
  const own = join(folder, 'own-machines')
  const vault = join(folder, 'rotated')
  const image = join(own, 'web', 'disk.raw')

  it('gives each point as it was taken', async () => {
    mkdirSync(join(own, 'web'), { recursive: true })
    makeImage(image, 3_000_000, [{ at: 0, bytes: noise(6, 1_000_000) }])
    await makeRepository(vault, 'encrypted')
    await backUp(own, vault, 'encrypted')
    const first = imagesBelow(own)
    {
      await using opened = await openAt(vault, 'encrypted')
      await rotateKeys(opened.repository, { signal: new AbortController().signal })
    }
    makeImage(image, 3_500_001, [
      { at: 0, bytes: noise(6, 1_000_000) },
      { at: 2_000_000, bytes: noise(7, 500_000) },
    ])
    await backUp(own, vault, 'encrypted')
    const lines = runScript(vault, ['list']).stdout.trim().split('\n')
    expect(lines).toHaveLength(2)
    const wanted = [first, imagesBelow(own)]
    for (const [i, line] of lines.entries()) {
      const out = outputFolder()
      expect(runScript(vault, ['restore', line.split(' ')[0] ?? '', out])).toMatchObject({ status: 0 })
      expect(imagesBelow(out)).toEqual(wanted[i])
    }
  })
})

function bytesAt(path: string, at: number, sizeBytes: number): Buffer {
  const bytes = Buffer.alloc(sizeBytes)
  const file = openSync(path, 'r')
  readSync(file, bytes, 0, sizeBytes, at)
  closeSync(file)
  return bytes
}
