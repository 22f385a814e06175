import { preset } from '../../tsup.preset.js'

// koffi finds its binary beside itself, so it must stay where it is installed.
const config: ReturnType<typeof preset> = { ...preset({ index: 'src/index.ts' }), external: ['koffi'] }

export default config
