import { describeTarget } from '@holdfast/testkit/vitest'
import { skipsWithout, startTgtd } from 'holdfast-lab'
import { describe } from 'vitest'
import { tapeTarget } from '../src/tape-target.js'

describe.skipIf(skipsWithout('tgt'))('with a real library', () => {
  describeTarget('target-tape, tgtd', async ({ tempFolder, onCleanup }) => {
    const library = await startTgtd({ cartridges: Array.from({ length: 12 }, () => ({ sizeMib: 256 })) })
    onCleanup(library.stop)
    const { host, port, target, changerLun: changer, driveLuns: drives } = library
    return {
      create: () =>
        tapeTarget({
          library: { kind: 'iscsi', host, port, target, changer, drives },
          pool: 'weekly',
          state: `${tempFolder}/state`,
        }),
    }
  })
})
