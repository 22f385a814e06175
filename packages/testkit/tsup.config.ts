import { preset } from '../../tsup.preset.js'

export default preset({
  index: 'src/index.ts',
  vitest: 'src/vitest.ts',
  memory: 'src/memory/index.ts',
  faults: 'src/faults/index.ts',
  arbitraries: 'src/arbitraries/index.ts',
  images: 'src/images/index.ts',
})
