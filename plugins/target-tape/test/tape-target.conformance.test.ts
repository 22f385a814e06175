import { simulatedLibrary } from '@holdfast/protocol-iscsi/testing'
import { describeTarget } from '@holdfast/testkit/vitest'
import { tapeTarget } from '../src/tape-target.js'
import { opensSimulated, simulatedOptions } from './support/simulated-site.js'

for (const [name, quirks] of [
  ['a library as the standards say', []],
  ['a library as tgtd is', ['tgtd'] as const],
] as const)
  describeTarget(`target-tape, ${name}`, ({ tempFolder }) => {
    const cartridges = Array.from({ length: 12 }, (_, at) => ({ barcode: `TAPE${at}`, sizeBytes: 256 * 2 ** 20 }))
    const simulated = simulatedLibrary({ drives: 2, slots: 14, cartridges, readyAfterCommands: 0, quirks })
    const openLibrary = opensSimulated(simulated)
    return {
      create: () => tapeTarget({ ...simulatedOptions, state: `${tempFolder}/state` }, openLibrary),
      storeInProcess: true,
    }
  })
