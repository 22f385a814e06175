import fc from 'fast-check'
import { expect, it } from 'vitest'
import {
  locate,
  readBlock,
  readPosition,
  rewind,
  type ScsiDevice,
  spaceBlocks,
  spaceFilemarks,
  writeBlock,
  writeFilemarks,
} from '../src/scsi/index.js'
import type { TapeContent } from '../src/testing/index.js'
import { block, mounted } from './support/mounted.js'
import { calm } from './support/scsi-failure.js'

const object: fc.Arbitrary<TapeContent> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.tuple(fc.integer({ min: 1, max: 50 }), fc.nat(255)).map(([length, value]) => block(length, value)),
  },
  { weight: 1, arbitrary: fc.constant('filemark' as const) },
)
const tape = fc.array(object, { minLength: 1, maxLength: 30 })

async function write(drive: ScsiDevice, objects: readonly TapeContent[]): Promise<void> {
  for (const each of objects) {
    if (each === 'filemark') await writeFilemarks(drive, 1, { ...calm, immediate: true })
    else await writeBlock(drive, each, calm)
  }
}

async function readAll(drive: ScsiDevice): Promise<readonly TapeContent[]> {
  const found: TapeContent[] = []
  for (;;) {
    const buffer = new Uint8Array(64)
    const result = await readBlock(drive, buffer, calm)
    if (result.kind === 'end-of-data') return found
    if (result.kind === 'longer-block') throw new Error('A block grew.')
    found.push(result.kind === 'filemark' ? 'filemark' : buffer.subarray(0, result.bytes))
  }
}

it('what is written, and overwritten from somewhere on, is what is read from anywhere on', async () => {
  await fc.assert(
    fc.asyncProperty(tape, tape, fc.nat(30), fc.nat(60), async (first, second, cut, from) => {
      const { library, drive } = await mounted()
      await write(drive, first)
      const at = cut % (first.length + 1)
      await locate(drive, { object: at }, calm)
      await write(drive, second)
      const expected = [...first.slice(0, at), ...second]
      const start = from % (expected.length + 1)
      await locate(drive, { object: start }, calm)
      expect(await readAll(drive)).toEqual(expected.slice(start))
      expect(library.cartridge('T1').objects).toEqual(expected)
    }),
  )
})

it('a loss of power leaves a beginning of what was written, up to the last flush at least', async () => {
  const files = fc.array(fc.tuple(tape, fc.boolean()), { minLength: 1, maxLength: 6 })
  await fc.assert(
    fc.asyncProperty(files, async (parts) => {
      const { library, drive } = await mounted()
      const written: TapeContent[] = []
      let safe = 0
      for (const [objects, isFlushed] of parts) {
        await write(drive, objects)
        written.push(...objects)
        if (!isFlushed) continue
        await writeFilemarks(drive, 0, calm)
        safe = written.length
      }
      library.losePower()
      expect(library.cartridge('T1').objects).toEqual(written.slice(0, safe))
    }),
  )
})

it('counts of filemarks and of objects lead to the same places', async () => {
  await fc.assert(
    fc.asyncProperty(tape, fc.nat(8), async (content, file) => {
      const { drive } = await mounted({ content })
      const marks = content.filter((each) => each === 'filemark').length
      const wanted = file % (marks + 1)
      await locate(drive, { file: wanted }, calm)
      const located = await readPosition(drive, 'long', calm)
      expect(located.file).toBe(wanted)
      await rewind(drive, calm)
      expect(await spaceFilemarks(drive, wanted, calm)).toMatchObject({ stoppedBy: 'nothing' })
      expect((await readPosition(drive, 'long', calm)).object).toBe(located.object)
    }),
  )
})

it('a step over blocks and the same step back end where they began, unless something was in the way', async () => {
  await fc.assert(
    fc.asyncProperty(tape, fc.nat(30), fc.integer({ min: -10, max: 10 }), async (content, from, count) => {
      const { drive } = await mounted({ content })
      const start = from % (content.length + 1)
      await locate(drive, { object: start }, calm)
      const there = await spaceBlocks(drive, count, calm)
      const steps = Math.abs(count) - (there.remaining ?? 0)
      const { object: now } = await readPosition(drive, 'short', calm)
      const crossed = there.stoppedBy === 'filemark' ? 1 : 0
      expect(Math.abs(now - start)).toBe(steps + crossed)
      const passed = content.slice(Math.min(now, start), Math.max(now, start))
      expect(passed.filter((each) => each === 'filemark')).toHaveLength(crossed)
      if (there.stoppedBy !== 'nothing' || count === 0) return
      expect(await spaceBlocks(drive, -count, calm)).toEqual({ stoppedBy: 'nothing', remaining: 0 })
      expect((await readPosition(drive, 'short', calm)).object).toBe(start)
    }),
  )
})
