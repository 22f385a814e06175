import type {
  CopyPeriod,
  MachineSelector,
  QuiescePlugin,
  SourcePlugin,
  TargetPlugin,
  TransformPlugin,
} from '@holdfast/core'

/** A configuration in TypeScript; the YAML form has the same keys with `{ use, with }` in the place of plugins. */
export interface HoldfastConfig<TargetName extends string = string> {
  /** Stores by name: lower-case letters, digits, `-` and `_`. */
  readonly targets: Readonly<Record<TargetName, TargetPlugin>>
  /** What runs together, by name. @defaultValue none: enough to list, verify and restore */
  readonly pipelines?: Readonly<Record<string, PipelineConfig<NoInfer<TargetName>>>> | undefined
}

/** One pipeline of a configuration. */
export interface PipelineConfig<TargetName extends string = string> {
  readonly source: SourcePlugin
  /** @defaultValue every machine of the source */
  readonly select?: MachineSelector | undefined
  /** Freeze in this order, thaw in reverse. */
  readonly quiesce?: readonly QuiescePlugin[] | undefined
  /** @defaultValue `'fail'` */
  readonly onQuiesceFailure?: 'fail' | 'degrade' | undefined
  /** Encode in this order. */
  readonly transforms?: readonly TransformPlugin[] | undefined
  /** Names of targets; `{ to, transforms }` gives one a chain of its own, `{ to, every }` makes it one of copies. */
  readonly targets: readonly (TargetName | PipelineTargetConfig<TargetName>)[]
  /** Nothing is ever pruned without one. */
  readonly retention?: RetentionConfig | undefined
  readonly limits?: LimitsConfig | undefined
  /** Cron expression of five fields. */
  readonly schedule?: string | undefined
  readonly objectives?: ObjectivesConfig | undefined
  /** What shows that its machines are up, for `holdfast verify --boot`. */
  readonly bootProbe?: BootProbeConfig | undefined
}

/** A target of a pipeline with settings of its own. */
export interface PipelineTargetConfig<TargetName extends string = string> {
  readonly to: TargetName
  /** @defaultValue the pipeline's */
  readonly transforms?: readonly TransformPlugin[] | undefined
  /** Not fed by runs: gets a copy of each newest point once in each period (UTC). @defaultValue fed by every run */
  readonly every?: CopyPeriod | undefined
  /** Keep media sets at least this long, where a target has such: `'13w'`. @defaultValue as the target's options say */
  readonly keep?: string | undefined
}

/** Which recovery points to keep; a point is kept when any rule wants it. */
export interface RetentionConfig {
  /** Newest points. */
  readonly last?: number | undefined
  /** Newest point of each of the last so many hours, days, weeks, months, years. */
  readonly hourly?: number | undefined
  readonly daily?: number | undefined
  readonly weekly?: number | undefined
  readonly monthly?: number | undefined
  readonly yearly?: number | undefined
  /** Points younger than this are kept: `'7d'`. */
  readonly minimumAge?: string | undefined
  /** Never fewer than this many verified points. */
  readonly minimumVerified?: number | undefined
}

/** What a run may use. */
export interface LimitsConfig {
  /** Machines captured at once. @defaultValue `3` */
  readonly machines?: number | undefined
  /** Disks of one machine read at once. @defaultValue `2` */
  readonly disksPerMachine?: number | undefined
  /** Bytes read from the source a second: `'100MiB'`. @defaultValue unlimited */
  readonly readRate?: string | number | undefined
  /** Bytes written to each target a second: `'100MiB'`. @defaultValue unlimited */
  readonly writeRate?: string | number | undefined
  /** Worker threads. @defaultValue one a processor */
  readonly workers?: number | undefined
}

/** What the business asks of a pipeline. */
export interface ObjectivesConfig {
  /** Recovery point objective, most data that may be lost: `'24h'`. */
  readonly rpo?: string | undefined
  /** Recovery time objective, longest that getting a machine back may take: `'1h'`. */
  readonly rto?: string | undefined
}

/** What shows that a machine is up: exactly one of `serial`, `agent` and `command`. */
export interface BootProbeConfig {
  /** Text on the first serial port, `*` standing for anything in its line: `'login:'`. */
  readonly serial?: string | undefined
  /** The agent in the guest answers. */
  readonly agent?: true | undefined
  /** Command line for the guest's shell that ends with 0. */
  readonly command?: string | undefined
  /** Longest time until then. @defaultValue `'2m'` */
  readonly timeout?: string | undefined
}

/** Types a configuration, so that editors complete it and a misspelt target name does not compile. */
export function defineConfig<const TargetName extends string>(
  config: HoldfastConfig<TargetName>,
): HoldfastConfig<TargetName> {
  return config
}
