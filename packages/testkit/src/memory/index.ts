export { bootSector, type GuestAnswer, type GuestDisks, type MemoryGuest, sectorGuest } from './memory-guest.js'
export type { MemoryMachine } from './memory-machines.js'
export type { MemoryMedia } from './memory-media.js'
export type { MemoryObject, MemoryObjects } from './memory-objects.js'
export type { MemorySet } from './memory-sets.js'
export { type MemorySource, type MemorySourceOptions, memorySource } from './memory-source.js'
export { type MemoryTarget, type MemoryTargetOptions, memoryTarget } from './memory-target.js'
export {
  type QuiesceEvent,
  type RecordingQuiesce,
  type RecordingQuiesceOptions,
  recordingQuiesce,
} from './recording-quiesce.js'
