import { execFileSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type ArchiveBuilder, archiveBuilder, endInstead } from '../src/layout/archive-builder.js'
import { blockBytes } from '../src/layout/block.js'
import { objectFacts, objectHead } from '../src/layout/object-member.js'
import { type BlockSource, NoArchiveError, readArchive } from '../src/layout/read-archive.js'

const storedAt = new Date('2026-11-23T12:00:00Z')
const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
const head = (key: string, bytes: Uint8Array) =>
  objectHead({ key, sizeBytes: bytes.length, sha256: digest(bytes), storedAt, isLookup: key.startsWith('index/') })

/** Blocks are in the memory of the builder, and valid until the next. */
const copies = (blocks: Iterable<Uint8Array>) => Array.from(blocks, (block) => block.slice())
const add = (builder: ArchiveBuilder, key: string, bytes: Uint8Array) => {
  const laid = builder.add(head(key, bytes), bytes)
  return { ...laid, blocks: copies(laid.blocks) }
}

function source(blocks: readonly Uint8Array[]): BlockSource & { readonly reads: () => number } {
  let at = 0
  let reads = 0
  return {
    reads: () => reads,
    next: async () => {
      reads += 1
      return blocks[at++]
    },
    skip: async (count) => {
      const from = at
      at = Math.min(blocks.length, at + count)
      return at - from
    },
  }
}

async function found(blocks: readonly Uint8Array[], wants: (name: string) => boolean = () => true) {
  const members: { name: string; digest: string; contentOffset: number }[] = []
  const archive = readArchive(source(blocks))
  for (;;) {
    const { done, value } = await archive.next()
    if (done === true) return { members, end: value }
    const hash = createHash('sha256')
    if (wants(value.name)) for await (const part of value.content()) hash.update(part)
    expect(value.modifiedAt).toEqual(storedAt)
    members.push({ name: value.name, digest: hash.digest('hex'), contentOffset: value.contentOffset })
  }
}

const sizes = fc.oneof(
  fc.nat(3000),
  fc.integer({ min: blockBytes - 600, max: blockBytes + 600 }),
  fc.nat(3 * blockBytes),
)

describe('an archive', () => {
  it('gives back its objects in whole blocks, at the offsets that were told', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(sizes, { maxLength: 8 }), async (lengths) => {
        const builder = archiveBuilder()
        const objects = lengths.map((length, i) => ({ key: `packs/00/${i}`, bytes: randomBytes(length) }))
        const laid = objects.map(({ key, bytes }) => add(builder, key, bytes))
        const blocks = [...laid.flatMap((member) => member.blocks), ...copies(builder.end())]
        expect(blocks.every((block) => block.length === blockBytes)).toBe(true)
        expect(blocks.length * blockBytes).toBe(builder.sizeBytes())
        const whole = Buffer.concat(blocks)
        for (const [i, { bytes }] of objects.entries()) {
          const at = laid[i]?.contentOffset ?? -1
          expect(digest(whole.subarray(at, at + bytes.length))).toBe(digest(bytes))
        }
        const read = await found(blocks)
        expect(read.end).toBe('complete')
        expect(read.members).toEqual(
          objects.map(({ key, bytes }, i) => ({
            name: key,
            digest: digest(bytes),
            contentOffset: laid[i]?.contentOffset,
          })),
        )
      }),
      { numRuns: 60 },
    )
  })

  it('goes over what nobody wants without reading it', async () => {
    const builder = archiveBuilder()
    const [large, small] = [randomBytes(20 * blockBytes), randomBytes(5)]
    const blocks = [
      ...add(builder, 'packs/00/large', large).blocks,
      ...add(builder, 'index/small', small).blocks,
      ...copies(builder.end()),
    ]
    const tape = source(blocks)
    const names: string[] = []
    for await (const member of readArchive(tape)) names.push(member.name)
    expect(names).toEqual(['packs/00/large', 'index/small'])
    expect(tape.reads()).toBeLessThan(5)
  })

  it('that is cut off anywhere gives all that is whole before, and says so', async () => {
    const builder = archiveBuilder()
    const objects = Array.from({ length: 5 }, (_, i) => ({
      key: `packs/00/${i}`,
      bytes: randomBytes(blockBytes - 100),
    }))
    const laid = objects.map(({ key, bytes }) => add(builder, key, bytes))
    const blocks = [...laid.flatMap((member) => member.blocks), ...copies(builder.end())]
    for (let kept = 0; kept < blocks.length; kept++) {
      const read = await found(blocks.slice(0, kept))
      const whole = laid.filter(({ contentOffset }) => contentOffset + blockBytes - 100 <= kept * blockBytes).length
      expect(read.end).toBe('cut-off')
      expect(read.members.slice(0, whole).map((member) => member.digest)).toEqual(
        objects.slice(0, whole).map(({ bytes }) => digest(bytes)),
      )
    }
  })

  it('from which a member is taken back ends before it', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(sizes, { minLength: 1, maxLength: 5 }), async (lengths) => {
        const builder = archiveBuilder()
        const objects = lengths.map((length, i) => ({ key: `packs/00/${i}`, bytes: randomBytes(length) }))
        const laid = objects.map(({ key, bytes }) => add(builder, key, bytes))
        const blocks = laid.flatMap((member) => member.blocks)
        const last = laid.at(-1)
        if (last === undefined) throw new Error('nothing was laid')
        const tape = [...blocks.slice(0, Math.floor(last.headOffset / blockBytes)), ...copies(endInstead(last))]
        const read = await found(tape)
        expect(read.end).toBe('complete')
        expect(read.members.map(({ name }) => name)).toEqual(objects.slice(0, -1).map(({ key }) => key))
      }),
      { numRuns: 60 },
    )
  })

  it('tells what a member is', async () => {
    const bytes = randomBytes(10)
    const builder = archiveBuilder()
    const blocks = [...add(builder, 'index/a', bytes).blocks, ...copies(builder.end())]
    for await (const { records } of readArchive(source(blocks)))
      expect(objectFacts(records)).toEqual({ sha256: digest(bytes), isLookup: true })
    expect(objectFacts(new Map())).toBeUndefined()
  })

  it('of noise is none', async () => {
    await expect(found([randomBytes(blockBytes)])).rejects.toThrow(NoArchiveError)
  })

  it('is read by GNU tar: names, bytes, times and permissions', () => {
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-tape-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    const builder = archiveBuilder()
    const long = `points/${'x'.repeat(150)}`
    const objects = [
      ['packs/00/a', randomBytes(700_000)],
      ['index/b', randomBytes(1)],
      ['holds/empty', randomBytes(0)],
      [long, randomBytes(513)],
    ] as const
    const blocks = [
      ...objects.flatMap(([key, bytes]) => [...add(builder, key, bytes).blocks]),
      ...copies(builder.end()),
    ]
    writeFileSync(join(folder, 'file'), Buffer.concat(blocks))
    const tar = (...args: string[]) =>
      execFileSync('tar', ['-b', '512', ...args], { cwd: folder, encoding: 'utf8', stdio: 'pipe' })
    expect(tar('-tvf', 'file', '--utc').trim().split('\n')).toEqual(
      objects.map(([key, bytes]) =>
        expect.stringMatching(new RegExp(`^-r--r--r-- 0/0 +${bytes.length} 2026-11-23 12:00 ${key}$`)),
      ),
    )
    tar('-xf', 'file')
    for (const [key, bytes] of objects) expect(digest(readFileSync(join(folder, key)))).toBe(digest(bytes))
  })
})
