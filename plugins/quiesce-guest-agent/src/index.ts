export { guestAgentQuiesce, plugin } from './guest-agent-quiesce.js'
export type { GuestAgentQuiesceOptions } from './options.js'
