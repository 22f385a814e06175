import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { objectKey } from '@holdfast/core'
import { testContext } from '@holdfast/testkit'
import { sqliteTarget } from '#sqlite-target'

// What the engine does with a target, by hand: open a session, store an object, find it, read a part of it.
const tempDir = await mkdtemp(join(tmpdir(), 'holdfast-example-'))
try {
  const target = sqliteTarget({ path: 'vault.sqlite' })
  await using session = await target.open(testContext({ tempDir }))
  const { signal } = new AbortController()
  const key = objectKey('packs/5c/5c0ffee5')

  await session.put(key, pieces(), { signal })
  for await (const { key, sizeBytes } of session.list('packs/', { signal })) console.log(`${key}: ${sizeBytes} bytes`)
  for await (const bytes of session.get(key, { signal, range: { offset: 7, length: 8 } })) {
    console.log(`bytes 7 to 14: ${Buffer.from(bytes).toString()}`)
  }
} finally {
  await rm(tempDir, { recursive: true })
}

async function* pieces() {
  yield Buffer.from('a pack ')
  yield Buffer.from('in parts')
}
