import { preset } from '../../tsup.preset.js'

export default preset({ 'head-start': 'src/head-start.ts', main: 'src/main.ts' })
