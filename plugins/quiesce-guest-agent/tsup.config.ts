import { preset } from '../../tsup.preset.js'

export default preset({ index: 'src/index.ts', 'guard-main': 'src/guard-main.ts' })
