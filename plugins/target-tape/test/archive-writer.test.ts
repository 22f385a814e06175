import { setTimeout } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { TapeDrive } from '../src/drive/tape-drive.js'
import { blockBytes } from '../src/layout/block.js'
import { beginArchive } from '../src/writing/archive-writer.js'

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
    const content = new Uint8Array(3 * blockBytes)
    const facts = {
      key: 'packs/00',
      sizeBytes: content.length,
      sha256: '00'.repeat(32),
      storedAt: now,
      isLookup: false,
    }
    await expect(archive.write({ facts, content, release: () => {} })).rejects.toThrow('write 1')
    await setTimeout(1)
    expect(unhandled).toEqual([])
  })
})
