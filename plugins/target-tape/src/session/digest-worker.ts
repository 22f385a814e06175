import { createHash } from 'node:crypto'
import { parentPort } from 'node:worker_threads'
import type { DigestAnswer, DigestRequest } from './digest-thread.js'

parentPort?.on('message', ({ number, bytes }: DigestRequest) => {
  const answer: DigestAnswer = { number, sha256: createHash('sha256').update(bytes).digest('hex') }
  parentPort?.postMessage(answer)
})
