export type { MemoryMachine } from './memory-machines.js'
export type { MemoryObject, MemoryObjects } from './memory-objects.js'
export { memorySource, type MemorySource, type MemorySourceOptions } from './memory-source.js'
export { memoryTarget, type MemoryTarget, type MemoryTargetOptions } from './memory-target.js'
export {
  type QuiesceEvent,
  recordingQuiesce,
  type RecordingQuiesce,
  type RecordingQuiesceOptions,
} from './recording-quiesce.js'
