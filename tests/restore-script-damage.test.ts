import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import {
  flipBit,
  flipMiddle,
  largestPack,
  removeObject,
  swapWithOther,
  truncateObject,
} from './support/script-damage.js'
import { backUp, makeRepository, runScript } from './support/script-repository.js'
import { encodings, imagesBelow, objectsOf, scriptVaults } from './support/script-vaults.js'

const { folder, machines, vaultOf, copyOf, outputFolder } = scriptVaults()

describe.each(encodings)('a repository that is %s', (encoding) => {
  it('is restored from the footers of packs when the index is gone or damaged', () => {
    for (const damageIndex of [removeObject, flipMiddle, truncateObject]) {
      const vault = copyOf(encoding)
      for (const key of objectsOf(vault, 'index')) damageIndex(vault, key)
      expect(imagesBelow(restoreBoth(vault))).toEqual(imagesBelow(machines))
    }
  })

  it('is restored by the twin of a damaged description or key', () => {
    const vault = copyOf(encoding)
    flipMiddle(vault, 'holdfast.json')
    if (encoding === 'encrypted') flipMiddle(vault, objectsOf(vault, 'keys')[0] ?? '')
    expect(imagesBelow(restoreBoth(vault))).toEqual(imagesBelow(machines))
    expect(runScript(vault, ['check'])).toMatchObject({ status: 1, stderr: expect.stringContaining('holdfast.json') })
  })

  describe.each([
    ['a flipped bit', flipMiddle],
    ['a cut end', truncateObject],
    ['the content of another pack', swapWithOther],
    ['nothing at all', removeObject],
  ])('with %s in a pack', (_, damagePack) => {
    it('gives a clear failure that names pack, machine and disk, and leaves no file', () => {
      const vault = copyOf(encoding)
      const key = largestPack(vault)
      const damaged = damagePack(vault, key)
      const out = outputFolder()
      const { status, stderr } = runScript(vault, ['restore', 'web@latest', out])
      expect(status).toBe(1)
      expect(damaged.some((name) => stderr.includes(name))).toBe(true)
      expect(stderr).toMatch(/Disk 'system' of web/)
      expect(readdirSync(out)).toEqual([])
      const check = runScript(vault, ['check'])
      expect(check.status).toBe(1)
      for (const name of damaged) expect(check.stderr).toContain(name)
    })
  })

  it('never gives wrong bytes, whichever bit is flipped', () => {
    const wanted = imagesBelow(join(machines, 'web'))
    for (const prefix of ['packs', 'index', 'points', ...(encoding === 'encrypted' ? ['keys'] : [])]) {
      const key = objectsOf(vaultOf(encoding), prefix).at(-1) ?? ''
      for (const share of [0, 0.3, 1]) {
        const vault = copyOf(encoding)
        flipBit(vault, key, share)
        const out = outputFolder()
        const { status, stderr } = runScript(vault, ['restore', 'web@latest', out])
        if (status === 0) expect(imagesBelow(join(out, 'web'))).toEqual(wanted)
        else expect(stderr).not.toContain('TypeError')
        expect(runScript(vault, ['check'])).toMatchObject({ status: 1, stderr: expect.stringContaining(key) })
        rmSync(vault, { recursive: true })
      }
    }
  }, 120_000)
})

describe.each(['blake3', 'sha-256'] as const)('a repository without transforms whose chunk ids are %s', (hash) => {
  it('gives no chunk of which a bit was flipped', async () => {
    const vault = join(folder, hash)
    await makeRepository(vault, 'plain', hash)
    await backUp(machines, vault, 'plain')
    const key = largestPack(vault)
    flipMiddle(vault, key)
    const out = outputFolder()
    const { status, stderr } = runScript(vault, ['restore', 'web@latest', out])
    expect(status).toBe(1)
    expect(stderr).toMatch(new RegExp(`${key} is damaged: chunk [0-9a-f]{64} has other content`))
    expect(readdirSync(out)).toEqual([])
  })
})

function restoreBoth(vault: string): string {
  const out = outputFolder()
  for (const machine of ['web', 'db']) {
    expect(runScript(vault, ['restore', `${machine}@latest`, out])).toMatchObject({ status: 0 })
  }
  return out
}
