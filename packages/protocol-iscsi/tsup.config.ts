import { preset } from '../../tsup.preset.js'

export default preset({
  index: 'src/index.ts',
  scsi: 'src/scsi/index.ts',
  testing: 'src/testing/index.ts',
})
