export type { InitiatorPdu } from '../wire/initiator-pdus.js'
export type { AnswerNumbers, TargetPdu } from '../wire/target-pdus.js'
export type { FakeParameters } from './fake-parameters.js'
export type { FakeMisbehaviour, FakeTalk } from './fake-talk.js'
export { type FakeTarget, type FakeTargetOptions, startFakeTarget } from './fake-target.js'
export {
  type DriveCounters,
  type SimulatedCartridge,
  type SimulatedCartridgeOptions,
  type SimulatedCondition,
  type SimulatedFault,
  type SimulatedLibrary,
  type SimulatedLibraryOptions,
  type SimulatedQuirk,
  type SimulatedSupport,
  type SimulatedUnit,
  type SimulatedUnits,
  simulatedLibrary,
  simulatedQuirks,
  type TapeContent,
} from './simulated-library/index.js'
