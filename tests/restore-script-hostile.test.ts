import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { digested } from './support/hostile.js'
import { largestPack, replaceObject } from './support/script-damage.js'
import { runScript } from './support/script-repository.js'
import { imagesBelow, objectsOf, scriptVaults } from './support/script-vaults.js'

const { machines, copyOf, outputFolder } = scriptVaults(['plain'])

describe('a repository written by an enemy who knows the format', () => {
  it('cannot make the script write outside of the output folder', () => {
    const vault = copyOf('plain')
    const key = rewritePoint(vault, (point) => {
      point.machine.name = '../../outside'
      point.disks.forEach((disk, i) => {
        disk.id = `../disk-${i}`
      })
    })
    const out = join(outputFolder(), 'a', 'b')
    expect(runScript(vault, ['restore', idOf(key), out])).toMatchObject({ status: 0 })
    expect(Object.keys(imagesBelow(out))).toContain('_..%2f..%2foutside/_..%2fdisk-0.raw')
    expect(readdirSync(join(out, '..', '..'))).toEqual(['a'])
  })

  it.each([
    ['negative', -1],
    ['beyond what a number can hold', 2 ** 60],
    ['other than that of its tree', 2 ** 40],
  ])('cannot make the script run away by a disk size that is %s', (_, sizeBytes) => {
    const vault = copyOf('plain')
    const key = rewritePoint(vault, (point) => {
      for (const disk of point.disks) disk.sizeBytes = sizeBytes
    })
    const out = outputFolder()
    expect(runScript(vault, ['restore', idOf(key), out]).status).toBe(1)
    expect(existsSync(out) ? readdirSync(out) : []).toEqual([])
  })

  it.each([
    ['packs', 4],
    ['records', 8],
    ['bytes of chains', 0],
  ])('is not believed a number of %s in the index', (_, at) => {
    const vault = copyOf('plain')
    for (const key of objectsOf(vault, 'index'))
      rewriteEnvelope(vault, key, (payload) => payload.writeUInt32LE(0xffff_fff0, at))
    const out = outputFolder()
    const { status, stderr } = runScript(vault, ['restore', 'web@latest', out])
    expect(status).toBe(0)
    expect(stderr).toMatch(/index\/[0-9a-f]{32} is damaged: it is not as long as it says/)
    expect(imagesBelow(join(out, 'web'))).toEqual(imagesBelow(join(machines, 'web')))
  })

  it('is not believed the place of a frame in the index', () => {
    const vault = copyOf('plain')
    for (const key of objectsOf(vault, 'index')) {
      rewriteEnvelope(vault, key, (payload) => {
        for (let at = payload.length - 52; at >= payload.length - 52 * payload.readUInt32LE(8); at -= 52)
          payload.writeUInt32LE(0xffff_fff0, at + 40)
      })
    }
    const { status, stderr } = runScript(vault, ['restore', 'web@latest', outputFolder()])
    expect(status).toBe(1)
    expect(stderr).toContain('a frame is said to have 4294967280 bytes')
  })

  it('cannot make the script hash by something that the format does not know', () => {
    const vault = copyOf('plain')
    const text = JSON.parse(readFileSync(join(vault, 'holdfast.json'), 'utf8'))
    for (const key of ['holdfast.json', 'holdfast-copy.json']) {
      replaceObject(vault, key, digested({ ...text, chunkHash: 'md5' }))
    }
    const { status, stderr } = runScript(vault, ['restore', 'web@latest', outputFolder()])
    expect(status).toBe(1)
    expect(stderr).toContain('error: holdfast-copy.json is damaged: its id or its chunk hash cannot be')
  })

  it('is not believed the length of a footer or a frame', () => {
    for (const at of [-16, 64]) {
      const vault = copyOf('plain')
      const key = largestPack(vault)
      const bytes = readFileSync(join(vault, key))
      bytes.writeUInt32LE(0xffff_fff0, at < 0 ? bytes.length + at : at)
      replaceObject(vault, key, bytes)
      expect(runScript(vault, ['check'])).toMatchObject({ status: 1, stderr: expect.stringContaining(key) })
    }
  })
})

interface PointFile {
  readonly machine: { name: string }
  readonly disks: { id: string; sizeBytes: number }[]
}

/** Changes the point of machine `db`, and its copy, and returns its key. */
function rewritePoint(vault: string, change: (point: PointFile) => void): string {
  const key =
    objectsOf(vault, 'points').find((name) => readFileSync(join(vault, name), 'latin1').includes('"name":"db"')) ?? ''
  for (const name of [key, key.replace('points/', 'point-copies/')]) {
    rewriteEnvelope(vault, name, (payload) => {
      const point: PointFile = JSON.parse(payload.toString('utf8'))
      change(point)
      return Buffer.from(JSON.stringify(point))
    })
  }
  return key
}

function idOf(key: string): string {
  return key.slice(key.lastIndexOf('/') + 1)
}

/** Changes the payload of an object in a repository without keys, and makes its digest fit again. Spec: "Envelope". */
function rewriteEnvelope(vault: string, key: string, change: (payload: Buffer) => unknown): void {
  const bytes = readFileSync(join(vault, key))
  const payload = Buffer.from(bytes.subarray(40))
  const result = change(payload)
  const changed = Buffer.isBuffer(result) ? result : payload
  const { id }: { readonly id: string } = JSON.parse(readFileSync(join(vault, 'holdfast.json'), 'utf8'))
  const prefix = bytes.subarray(0, 8)
  const digest = createHash('sha256').update(`${id}/${key}\n`).update(prefix).update(changed).digest()
  replaceObject(vault, key, Buffer.concat([prefix, digest, changed]))
}
