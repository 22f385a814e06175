export type { DriveCounters } from './drive-state.js'
export type { SimulatedFault } from './faults.js'
export {
  type SimulatedCartridgeOptions,
  type SimulatedLibraryOptions,
  type SimulatedQuirk,
  type SimulatedSupport,
  simulatedQuirks,
  type TapeContent,
} from './options.js'
export type { Condition as SimulatedCondition } from './outcome.js'
export {
  type SimulatedCartridge,
  type SimulatedLibrary,
  type SimulatedUnit,
  type SimulatedUnits,
  simulatedLibrary,
} from './simulated-library.js'
