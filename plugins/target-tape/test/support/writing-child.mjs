// Writes objects until it is killed, and tells of each what it is, and when it is safe.
import { createHash, randomBytes } from 'node:crypto'
import { writeSync } from 'node:fs'
import { tapeTarget } from '@holdfast/target-tape'
import { testContext } from '@holdfast/testkit'

const { folder, options, beginning, mostObjects } = JSON.parse(process.argv[2] ?? '{}')
const call = { signal: new AbortController().signal }
const tell = (...words) => writeSync(1, `${words.join(' ')}\n`)

async function* bodyOf(bytes) {
  yield bytes
}

try {
  const session = await tapeTarget(options).open(testContext({ tempDir: folder }))
  let unsafe = []
  for (let at = 0; at < mostObjects; at++) {
    const bytes = randomBytes(1 + Math.floor(Math.random() * 900_000))
    const key = `${beginning}${at}`
    tell('given', key, createHash('sha256').update(bytes).digest('hex'))
    await session.put(key, bodyOf(bytes), { ...call, sizeBytes: bytes.length, isBulk: at % 3 > 0 })
    unsafe.push(key)
    if (at % 4 !== 3) continue
    await session.sync(call)
    for (const each of unsafe) tell('promised', each)
    unsafe = []
  }
  await session[Symbol.asyncDispose]()
  tell('ended')
} catch (error) {
  tell('failed', error.code ?? String(error))
}
// A session that failed may keep its connection.
process.exit()
