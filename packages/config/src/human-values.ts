import { isBackupError, parseDurationMs, parseSizeBytes } from '@holdfast/core'
import { Cron } from 'croner'
import { z } from 'zod'

// For editors only: what counts is core's parser.
const durationPattern = '^\\s*\\d+(\\.\\d+)?\\s*([mM][sS]|[sSmMhHdDwW])\\s*$'

/** A length of time as people write it, in milliseconds after parsing. */
export function duration(description: string, example: string) {
  return z
    .string()
    .meta({
      description: `${description}, as 500ms, 30s, 5m, 2h, 7d or 1w`,
      examples: [example],
      pattern: durationPattern,
    })
    .transform((text, context) => parsed(() => parseDurationMs(text), context))
}

/** A number of bytes as people write it, in bytes after parsing. */
export function byteRate(description: string) {
  return z
    .union([z.string(), z.int()])
    .meta({ description: `${description}, as 64KiB, 100MB or 1GiB a second`, examples: ['100MiB'] })
    .transform((value, context) => {
      const bytes = parsed(() => parseSizeBytes(String(value)), context)
      if (bytes === 0) {
        context.addIssue({
          code: 'custom',
          message: 'must be more than 0.',
          params: { hint: 'Leave it out for no limit.' },
        })
      }
      return bytes
    })
}

/** A count that may be zero. */
export function count(description: string, example: number) {
  return z
    .int()
    .min(0)
    .meta({ description, examples: [example] })
}

/** A count of at least one. */
export function positiveCount(description: string, example: number) {
  return z
    .int()
    .min(1)
    .max(1024)
    .meta({ description, examples: [example] })
}

/** A cron expression of five fields, or a nickname such as `@daily`. */
export const cronExpression = z
  .string()
  .meta({ description: 'When to run: minute, hour, day of month, month, day of week', examples: ['30 1 * * *'] })
  .superRefine((text, context) => {
    const message = cronProblem(text)
    const hint = "Write minute, hour, day of month, month and day of week: '30 1 * * *' is every day at 01:30."
    if (message !== undefined) context.addIssue({ code: 'custom', message, params: { hint } })
  })

function cronProblem(text: string): string | undefined {
  try {
    // Any fixed moment serves: it is only asked whether the expression ever comes true.
    const next = new Cron(text, { paused: true, mode: '5-part', timezone: 'UTC' }).nextRun(new Date(0))
    return next === null ? 'names a time that never comes.' : undefined
  } catch (error) {
    if (error instanceof RangeError) return `is no cron expression: ${error.message.replace(/^CronPattern: /, '')}.`
    if (error instanceof TypeError) return 'is no cron expression of five fields.'
    throw error
  }
}

function parsed(parse: () => number, context: z.RefinementCtx): number {
  try {
    return parse()
  } catch (error) {
    if (!isBackupError(error)) throw error
    context.addIssue({ code: 'custom', message: error.message, params: { hint: error.hint } })
    return z.NEVER
  }
}
