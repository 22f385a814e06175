import { diskTarget } from '@holdfast/target-disk'

const [path, writer, rounds] = process.argv.slice(2)
const signal = new AbortController().signal
const silent = () => undefined
const session = await diskTarget({ path }).open({
  signal,
  logger: { trace: silent, debug: silent, info: silent, warn: silent, error: silent, fatal: silent },
  clock: { now: () => new Date(), sleep: async () => undefined },
  randomBytes: (size) => crypto.getRandomValues(new Uint8Array(size)),
  tempDir: path,
  baseDir: path,
  resolveSecret: async () => {
    throw new Error('no secrets here')
  },
})

async function* body() {
  yield new TextEncoder().encode(writer.repeat(100_000))
}

// Both writers start each round at the same moment, as told by the parent.
const results = []
process.on('message', async (round) => {
  results[round] = await session.put(`race/${round}`, body(), { signal }).then(
    () => 'won',
    (error) => error.code,
  )
  process.send(results[round])
  if (round === Number(rounds) - 1) process.disconnect()
})
process.send('ready')
