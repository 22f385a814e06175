export { copyExample, type ExampleCopy } from './folders/example-copy.ts'
export { fileDigest } from './folders/file-digest.ts'
export { type TempFolder, tempFolder } from './folders/temp-folder.ts'
export { mountTmpfs, skipsWithoutTmpfs, type Tmpfs } from './folders/tmpfs.ts'
export { fuzzRuns } from './fuzzing/fuzz-runs.ts'
export { largestAllocation } from './fuzzing/largest-allocation.ts'
export { type CuttingProxy, cuttingProxy } from './net/cutting-proxy.ts'
export { programEnvironment, run, runWith } from './programs/run.ts'
export { type Need, skipsUnless, skipsWithout } from './programs/skips-without.ts'
export { type BootDisk, bootGuest } from './qemu/boot-guest.ts'
export type { DiskBus, DiskFormat, LabDisk } from './qemu/disk-arguments.ts'
export { kernelCommandLine } from './qemu/kernel-command-line.ts'
export { type GuestImage, type MakeGuestOptions, makeDataDisk, makeGuest } from './qemu/make-guest.ts'
export { type SerialConsole, serialConsole } from './qemu/serial-console.ts'
export { type DirectKernel, type QemuOptions, type RunningQemu, startQemu } from './qemu/start-qemu.ts'
export { firstElement } from './tape/configure-library.ts'
export {
  type ChapUser,
  type ChapUsers,
  type LabCartridge,
  startTgtd,
  type TgtdLibrary,
  type TgtdOptions,
} from './tape/start-tgtd.ts'
export { takeTapeFiles } from './tape/tape-files.ts'
export { buildGo } from './vsphere/build-go.ts'
export {
  type SimulatedVsphere,
  startVsphere,
  type VsphereDatastore,
  type VsphereOptions,
  type VsphereUser,
} from './vsphere/start-vsphere.ts'
export type {
  Gauge,
  VsphereCalls,
  VsphereControl,
  VsphereConversation,
  VsphereCounters,
  VsphereDisk,
  VsphereFault,
  VsphereMachine,
  VsphereTransferTrouble,
} from './vsphere/vsphere-control.ts'
