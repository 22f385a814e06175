import { describeSource } from '@holdfast/testkit/vitest'
import { skipsWithout } from 'holdfast-lab'
import { afterAll, describe } from 'vitest'
import { type LiveEnvironment, liveEnvironment } from './support/live-environment.js'

describe.skipIf(skipsWithout('qemu')).each(['pull', 'push'] as const)('with a real QEMU, %s', (transport) => {
  let live: LiveEnvironment | undefined
  afterAll(() => live?.[Symbol.asyncDispose]())
  describeSource('source-qemu', async () => {
    live = await liveEnvironment(transport)
    return live.environment
  })
})
