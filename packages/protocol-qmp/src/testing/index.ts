export {
  type FakeAnswer,
  type FakeAnswers,
  type FakeCall,
  type FakeFailure,
  fakeFailure,
  noAnswer,
} from './fake-answers.js'
export type { FakeConnections } from './fake-connections.js'
export { type FakeGuestAgent, type FakeGuestAgentOptions, fakeGuestAgent } from './fake-guest-agent.js'
export { type FakeQmp, type FakeQmpOptions, fakeQmp } from './fake-qmp.js'
