import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
// As built: a worker is a file of its own, which only the build makes.
import { type WorkerPool, workerPool } from '@holdfast/core/engine'
import { tempFolder } from 'holdfast-lab'
import { describe, expect, onTestFinished, test } from 'vitest'
import { defineTransform } from '../src/contract/define.js'
import type { TransformPlugin } from '../src/contract/transform.js'
import { chainLink } from '../src/repository/codec-chain.js'
import { newPackRoom } from '../src/repository/pack-room.js'

/** Takes its time for everything, and notes when it begins and when it is done. */
const slowCodec = `
import { appendFileSync } from 'node:fs'
const pause = new Int32Array(new SharedArrayBuffer(4))
export const createCodec = ({ journal }) => {
  const slowly = (begun, done) => {
    appendFileSync(journal, begun + ' ')
    Atomics.wait(pause, 0, 0, 400)
    appendFileSync(journal, done + ' ')
  }
  slowly('loading', 'loaded')
  return {
    encode: (input) => { slowly('encoding', 'encoded'); return input.length },
    decode: () => 0,
    [Symbol.dispose]: () => slowly('freeing', 'freed'),
  }
}`

/** Never returns from encode, and counts in its output for as long as its thread lives. */
const endlessCodec = `
export const createCodec = () => ({
  encode: (input, output) => {
    const count = new Int32Array(output.buffer, output.byteOffset, 1)
    for (;;) Atomics.add(count, 0, 1)
  },
  decode: () => 0,
})`

/** Its overhead is exact, so that it encodes straight into the room of the pack. */
function transform(code: string, parameters: TransformPlugin['parameters'] = {}): TransformPlugin {
  const module = `data:text/javascript,${encodeURIComponent(code)}`
  return defineTransform({ id: 'test', version: 1, parameters, capabilities: { exactOverhead: true }, module })
}

/** A slow transform, and what its codecs noted. */
function slowTransform() {
  const { path: folder } = tempFolder(onTestFinished)
  const journal = join(folder, 'journal')
  writeFileSync(journal, '')
  return {
    plugin: transform(slowCodec, { journal }),
    notes: () => readFileSync(journal, 'utf8').trim().split(' '),
  }
}

function encode(pool: WorkerPool, plugin: TransformPlugin, room = newPackRoom(1000)) {
  const pack = { packId: new Uint8Array(16), keys: [] }
  const frame = { slab: 0, shared: false, chunks: [], sequence: 0 }
  const task = { kind: 'encode', ...frame, links: [chainLink(plugin)], pack, room: room.memory } as const
  return pool.perform(task, { signal: new AbortController().signal })
}

/** Long enough for a thread to start on a busy machine. */
const patient = { timeout: 15_000 }

describe('a worker pool that is disposed', () => {
  test('waits until the codecs of all its workers have freed what they hold', async () => {
    const { plugin, notes } = slowTransform()
    const pool = workerPool(2)
    pool.prepare([plugin])
    await expect.poll(() => notes().filter((note) => note === 'loaded'), patient).toHaveLength(2)
    await pool[Symbol.asyncDispose]()
    expect(notes().toSorted()).toEqual([
      'freed',
      'freed',
      'freeing',
      'freeing',
      'loaded',
      'loaded',
      'loading',
      'loading',
    ])
  })

  test('lets a codec that is being loaded end that and free what it holds', async () => {
    const { plugin, notes } = slowTransform()
    const pool = workerPool(1)
    pool.prepare([plugin])
    await expect.poll(notes, patient).toContain('loading')
    await pool[Symbol.asyncDispose]()
    expect(notes()).toEqual(['loading', 'loaded', 'freeing', 'freed'])
  })

  test('lets a codec that encodes end that, whose result still counts, and free what it holds', async () => {
    const { plugin, notes } = slowTransform()
    const pool = workerPool(1)
    const encoding = encode(pool, plugin)
    await expect.poll(notes, patient).toContain('encoding')
    await pool[Symbol.asyncDispose]()
    expect(notes()).toEqual(['loading', 'loaded', 'encoding', 'encoded', 'freeing', 'freed'])
    expect(await encoding).toMatchObject({ frameOffset: 0 })
  })

  test('ends a worker whose codec never returns, and rejects its task', async () => {
    const room = newPackRoom(1000)
    const count = () => room.whole.slice(0, 100)
    const untouched = count()
    const pool = workerPool(1)
    const rejected = expect(encode(pool, transform(endlessCodec), room)).rejects.toMatchObject({ code: 'E_USAGE' })
    await expect.poll(count, patient).not.toEqual(untouched)
    await pool[Symbol.asyncDispose]()
    await rejected
    const last = count()
    await setTimeout(100)
    expect(count()).toEqual(last)
  })
})
