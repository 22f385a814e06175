export type { Command, ScriptQuiesceOptions } from './options.js'
export { plugin, scriptQuiesce } from './script-quiesce.js'
