import { preset } from '../../tsup.preset.js'

export default preset({
  index: 'src/index.ts',
  codecs: 'src/image-codecs.ts',
  raw: 'src/raw/index.ts',
  vmdk: 'src/vmdk/index.ts',
  vhd: 'src/vhd/index.ts',
  vhdx: 'src/vhdx/index.ts',
  qcow2: 'src/qcow2/index.ts',
  tar: 'src/tar/index.ts',
})
