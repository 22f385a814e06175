export {
  type CapabilitiesByKind,
  type Check,
  type CheckEnvironment,
  type CheckTools,
  whyNotApplicable,
} from './checks/check.js'
export type {
  BootableMachine,
  EnvironmentByKind,
  QuiesceEnvironment,
  SourceEnvironment,
  TargetEnvironment,
  TransformEnvironment,
} from './checks/environment.js'
export { checksByKind, checksOf } from './checks/index.js'
export { bodyOf, collect, drain, toArray } from './checks/streams.js'
export { type ConformanceOptions, runConformance } from './conformance.js'
export { renderJUnit } from './report/junit.js'
export { type CheckResult, type ConformanceReport, conforms, countResults } from './report/report.js'
export { renderText } from './report/text.js'
export { type RunCheckOptions, runCheck } from './run-check.js'
export { silentLogger, type TestContextOptions, testContext } from './test-context.js'
