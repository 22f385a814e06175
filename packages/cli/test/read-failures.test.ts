import { setTimeout } from 'node:timers/promises'
import { BackupError, type DiskId } from '@holdfast/core'
import type { ReadableDisk } from '@holdfast/core/engine'
import { expect, test } from 'vitest'
import { readFailures } from '../src/serving/read-failures.js'

const damage = new BackupError('E_DAMAGED', 'packs/47/4711 is damaged.')
const away = new BackupError('E_TARGET_UNAVAILABLE', 'The vault is away.')
const { signal } = new AbortController()

function failingDisk(failure: unknown): ReadableDisk {
  return {
    id: 'root' as DiskId,
    sizeBytes: 4096,
    read: async () => {
      throw failure
    },
    extents: async function* () {
      yield { offset: 0, length: 1024, kind: 'data' }
      throw failure
    },
  }
}

/** A disk whose target never answers. */
function silentDisk(): ReadableDisk {
  const never = (call: { readonly signal: AbortSignal }) => setTimeout(60_000, undefined, { signal: call.signal })
  return { ...failingDisk(undefined), read: (_offset, _into, options) => never(options) }
}

async function readAndGiveUp(disk: ReadableDisk, afterMs: number): Promise<void> {
  const stop = new AbortController()
  setTimeout(afterMs).then(() => stop.abort(new Error('the client is gone')))
  await expect(disk.read(0, new Uint8Array(8), { signal: stop.signal })).rejects.toThrow()
}

test('whoever reads is told what failed, and it is kept', async () => {
  const failures = readFailures()
  expect(failures.worst()).toBeUndefined()
  await expect(failures.watched(failingDisk(away)).read(0, new Uint8Array(8), { signal })).rejects.toBe(away)
  expect(failures.worst()).toBe(away)
})

test('so is what fails while extents are told', async () => {
  const failures = readFailures()
  const all = async () => {
    for await (const _ of failures.watched(failingDisk(damage)).extents(0, 4096, { signal }));
  }
  await expect(all()).rejects.toBe(damage)
  expect(failures.worst()).toBe(damage)
})

test('damage comes before all else, else the first', async () => {
  const failures = readFailures()
  for (const failure of [away, new Error('later'), damage, new BackupError('E_DAMAGED', 'More.')]) {
    await failures
      .watched(failingDisk(failure))
      .read(0, new Uint8Array(8), { signal })
      .catch(() => undefined)
    if (failure !== damage && failures.worst() !== damage) expect(failures.worst()).toBe(away)
  }
  expect(failures.worst()).toBe(damage)
})

test('a read that is given up is no failure, unless the target let it wait for long', async () => {
  const failures = readFailures(150)
  await readAndGiveUp(failures.watched(silentDisk()), 20)
  expect(failures.worst()).toBeUndefined()
  await readAndGiveUp(failures.watched(silentDisk()), 200)
  expect(failures.worst()).toMatchObject({ code: 'E_TARGET_UNAVAILABLE', message: expect.stringContaining("'root'") })
})
