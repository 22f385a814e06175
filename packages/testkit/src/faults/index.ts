export { flipBit, type StruckBytes, slow, truncate } from './altered-bytes.js'
export { disconnectAfterBytes, failNth, full, type StruckCalls, stall } from './failing-calls.js'
export {
  type Fault,
  type FaultyCall,
  faultySource,
  faultyTarget,
  type SourceOperation,
  type TargetOperation,
} from './fault.js'
