import { preset } from '../../tsup.preset.js'

export default preset({
  index: 'src/index.ts',
  'direct-file': 'src/files/direct-file.ts',
  'key-derivation': 'src/repository/key-derivation.ts',
  repository: 'src/repository/index.ts',
  engine: 'src/engine/index.ts',
  'engine-worker': 'src/engine/worker.ts',
})
