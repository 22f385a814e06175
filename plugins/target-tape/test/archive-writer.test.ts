import { setTimeout } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { TapeDrive } from '../src/drive/tape-drive.js'
import { blockBytes } from '../src/layout/block.js'
import { beginArchive } from '../src/writing/archive-writer.js'
import type { HeldObject } from '../src/writing/held-object.js'

const now = new Date('2026-11-24T12:00:00Z')

describe('a tape file', () => {
  it('tells the first error, and loses none, when the later of two blocks under way fails first', async () => {
    const unhandled: unknown[] = []
    const note = (error: unknown) => unhandled.push(error)
    process.on('unhandledRejection', note)
    onTestFinished(() => void process.off('unhandledRejection', note))
    let writes = 0
    const write: TapeDrive['write'] = async () => {
      const number = ++writes
      await setTimeout(number === 1 ? 20 : 1)
      throw new Error(`write ${number}`)
    }
    const drive = { name: 'drive 0', writesAtOnce: 2, write } as unknown as TapeDrive
    const { signal } = new AbortController()
    const archive = await beginArchive(drive, { set: 'a', sequence: 1, file: 1 }, now, { signal, isWorm: false })
    await expect(archive.write({ ...objectOf('packs/00', 3), release: () => {} })).rejects.toThrow('write 1')
    await setTimeout(1)
    expect(unhandled).toEqual([])
  })

  it('lets go of an object as soon as the file can be ended behind it, and not before', async () => {
    let blocks = 0
    let releasedAt: number | undefined
    const write: TapeDrive['write'] = async () => {
      blocks += 1
      return { isNearEnd: false }
    }
    const drive = { name: 'drive 0', writesAtOnce: 1, write } as unknown as TapeDrive
    const { signal } = new AbortController()
    const archive = await beginArchive(drive, { set: 'a', sequence: 1, file: 1 }, now, { signal, isWorm: false })
    const release = () => {
      releasedAt ??= blocks
    }
    await archive.write({ ...objectOf('packs/00', 4), release })
    expect(releasedAt).toBeUndefined()
    const endsInBlock = Math.ceil(archive.sizeBytes() / blockBytes)
    await archive.write({ ...objectOf('packs/01', 20), release: () => {} })
    expect(releasedAt).toBe(endsInBlock + 3)
  })
})

function objectOf(key: string, blocks: number): Omit<HeldObject, 'release'> {
  const content = new Uint8Array(blocks * blockBytes)
  return {
    facts: { key, sizeBytes: content.length, sha256: '00'.repeat(32), storedAt: now, isLookup: false },
    content,
  }
}
