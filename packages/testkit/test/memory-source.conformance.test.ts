import { describeSource } from '../src/vitest.js'
import { environmentOf, twoMachines } from './sabotage/broken-source.js'

describeSource('memorySource', () => environmentOf(twoMachines()))
describeSource('memorySource that boots', () => environmentOf(twoMachines({ boot: true })))
describeSource('memorySource without any optional feature', () =>
  environmentOf(twoMachines({ changedExtents: false, sparse: false, restore: false })),
)
