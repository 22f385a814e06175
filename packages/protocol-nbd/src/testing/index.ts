export { withCutAfter, withDelay, withFailureAt } from './faults.js'
export { type MemoryExport, memoryExport, type RecordedCall } from './memory-export.js'
export { type ScriptedServer, type ScriptedTalk, scriptedServer } from './scripted-server.js'
