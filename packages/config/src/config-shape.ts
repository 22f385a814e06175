import {
  type CopyPeriod,
  copyPeriods,
  type MachineSelector,
  type QuiescePlugin,
  type RetentionPolicy,
  type SourcePlugin,
  type TargetPlugin,
  type TransformPlugin,
} from '@holdfast/core'
import { z } from 'zod'
import { bootProbe } from './boot-probe-shape.js'
import { byteRate, count, cronExpression, duration, positiveCount } from './human-values.js'

/** How plugins are written: as `{ use, with }`, or as objects. */
export interface PluginSlots {
  readonly source: z.ZodType<SourcePlugin>
  readonly quiesce: z.ZodType<QuiescePlugin>
  readonly transform: z.ZodType<TransformPlugin>
  readonly target: z.ZodType<TargetPlugin>
}

const nameRule = "is not a name: lower-case letters, digits, '-' and '_', at most 63, with a letter or digit first."

/** Names of targets and pipelines. */
const namePattern = /^[a-z0-9][a-z0-9_-]{0,62}$/

const patterns = z.array(z.string().min(1)).meta({ examples: [['web-*', 'db-1']] })

const selector = z
  .strictObject({
    include: patterns.describe('Names or ids, with * for any run of characters').optional(),
    exclude: patterns.describe('Names or ids to leave out; wins over include').optional(),
    labels: z
      .record(z.string(), z.string())
      .meta({ description: 'Labels that a machine must carry', examples: [{ tier: 'gold' }] })
      .optional(),
  })
  .meta({ description: 'Which machines of the source; every given field narrows', examples: [{ include: ['web-*'] }] })
  .transform((fields): MachineSelector => defined(fields))

const retention = z
  .strictObject({
    last: count('Newest points', 3).optional(),
    hourly: count('Newest point of each of the last hours', 24).optional(),
    daily: count('Newest point of each of the last days', 7).optional(),
    weekly: count('Newest point of each of the last weeks', 4).optional(),
    monthly: count('Newest point of each of the last months', 12).optional(),
    yearly: count('Newest point of each of the last years', 3).optional(),
    minimumAge: duration('Keep all points younger than this', '7d').optional(),
    minimumVerified: count('Never fewer verified points than this', 1).optional(),
  })
  .meta({ description: 'Which points to keep; any rule is enough', examples: [{ last: 3, daily: 7 }] })
  .superRefine((rules, context) => {
    // An empty policy would let a prune remove every point.
    if (Object.values(rules).some((kept) => kept !== undefined && kept !== 0)) return
    context.addIssue({
      code: 'custom',
      message: 'keeps nothing.',
      params: { hint: 'Keep at least something, as last: 3, or leave retention out to keep every point.' },
    })
  })
  .transform(({ minimumAge, ...rules }): RetentionPolicy => defined({ ...rules, minimumAgeMs: minimumAge }))

const limits = z
  .strictObject({
    machines: positiveCount('Machines captured at once', 3).optional(),
    disksPerMachine: positiveCount('Disks of one machine read at once', 2).optional(),
    readRate: byteRate('Bytes read from the source').optional(),
    writeRate: byteRate('Bytes written to each target').optional(),
    workers: positiveCount('Worker threads that hash and encode', 4).optional(),
  })
  .meta({ description: 'What a run may use', examples: [{ machines: 2, readRate: '100MiB' }] })
  .transform(({ readRate, writeRate, ...counts }) =>
    defined({ ...counts, readBytesPerSecond: readRate, writeBytesPerSecond: writeRate }),
  )

const objectives = z
  .strictObject({
    rpo: duration('Recovery point objective: most data that may be lost', '24h').optional(),
    rto: duration('Recovery time objective: longest that getting a machine back may take', '1h').optional(),
  })
  .meta({ description: 'What the business asks', examples: [{ rpo: '24h', rto: '1h' }] })
  .transform(({ rpo, rto }) => defined({ recoveryPointMs: rpo, recoveryTimeMs: rto }))

const targetName = z.string().meta({ examples: ['vault'] })

/**
 * Builds the shape of a whole configuration: the one place that says which keys there are and what they become.
 *
 * TypeScript and YAML differ only in `slots`.
 */
export function configShape(slots: PluginSlots) {
  const transforms = z.array(slots.transform).describe('Encode in this order')
  const pipelineTarget = z.union([
    targetName.transform((name): TargetUse => ({ name })),
    z
      .strictObject({
        to: targetName,
        transforms: transforms.optional(),
        every: z
          .enum(copyPeriods)
          .meta({
            description: 'Not fed by runs: gets a copy of each newest point once in each day, week, …',
            examples: ['week'],
          })
          .optional(),
        keep: duration('Keep media sets at least this long, where a target has such', '13w').optional(),
      })
      .transform(({ to, keep, ...rest }): TargetUse => defined({ name: to, ...rest, keepMs: keep })),
  ])
  const pipeline = z.strictObject({
    source: slots.source,
    select: selector.optional(),
    quiesce: z.array(slots.quiesce).describe('Freeze in this order, thaw in reverse').optional(),
    onQuiesceFailure: z
      .enum(['fail', 'degrade'])
      .meta({
        description: 'When a hook cannot freeze: give the machine up, or capture it with less consistency',
        examples: ['fail'],
      })
      .optional(),
    transforms: transforms.optional(),
    targets: z
      .array(pipelineTarget)
      .min(1)
      .meta({
        description:
          'Names of targets; { to, transforms } gives one a chain of its own, { to, every } makes it one of copies',
        examples: [['vault']],
      })
      .superRefine((uses, context) => {
        if (uses.length === 0 || uses.some(({ every }) => every === undefined)) return
        context.addIssue({
          code: 'custom',
          message: 'has only targets that get copies.',
          params: { hint: "Name one without 'every' too: runs store there what is then copied." },
        })
      }),
    retention: retention.optional(),
    limits: limits.optional(),
    schedule: cronExpression.optional(),
    objectives: objectives.optional(),
    bootProbe: bootProbe.optional(),
  })
  const name = z.string().regex(namePattern, { error: nameRule })
  return z.strictObject({
    $schema: z
      .string()
      .meta({ description: 'Where editors find the schema', examples: ['holdfast.schema.json'] })
      .optional(),
    targets: z
      .record(name, slots.target)
      .meta({
        description: 'Stores by name',
        examples: [{ vault: { use: '@holdfast/target-disk', with: { path: './vault' } } }],
      })
      .refine((targets) => Object.keys(targets).length > 0, { error: 'names no target.' }),
    pipelines: z.record(name, pipeline).describe('What runs together, by name').optional(),
  })
}

interface TargetUse {
  readonly name: string
  readonly transforms?: readonly TransformPlugin[]
  readonly every?: CopyPeriod
  readonly keepMs?: number
}

/** What a valid configuration becomes. */
export type ShapedConfig = z.output<ReturnType<typeof configShape>>

/** Drops keys whose value is undefined, so that absent means absent. */
export function defined<T extends object>(value: T): Defined<T> {
  return Object.fromEntries(Object.entries(value).filter(([, inner]) => inner !== undefined)) as Defined<T>
}

type Defined<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>
}
