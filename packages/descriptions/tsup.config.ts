import { preset } from '../../tsup.preset.js'

export default preset({
  index: 'src/index.ts',
  vmx: 'src/vmx/index.ts',
  ovf: 'src/ovf/index.ts',
  libvirt: 'src/libvirt/index.ts',
  hyperv: 'src/hyperv/index.ts',
  qemu: 'src/qemu/index.ts',
})
