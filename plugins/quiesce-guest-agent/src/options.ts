import { isBackupError, parseDurationMs } from '@holdfast/core'
import * as z from 'zod'

/** Options of the guest agent hook: `socket` or `sockets`, and what else is not as it is by default. */
export interface GuestAgentQuiesceOptions {
  /**
   * Where each guest agent's socket is, with `{name}` or `{id}` of the machine in it: `/run/vms/{name}.agent`.
   *
   * A relative path starts at the config file.
   */
  readonly socket?: string | undefined
  /** Sockets by the name or the id of their machine, instead of `socket`; an id goes before a name. */
  readonly sockets?: Readonly<Record<string, string>> | undefined
  /**
   * Longest time that a guest may be frozen, its freeze hooks included; it is thawed before. Windows guests bear 10 s.
   *
   * @defaultValue `'30s'`
   */
  readonly maxFreeze?: string | undefined
  /** Longest wait for an answer of an agent, except to the freeze itself. @defaultValue `'10s'` */
  readonly timeout?: string | undefined
  /** What a freeze reaches: `application` only where the guests have freeze hooks. @defaultValue `'filesystem'` */
  readonly consistency?: 'application' | 'filesystem' | undefined
  /** File systems to freeze, as the guest mounts them. @defaultValue all that can be frozen */
  readonly mountpoints?: readonly string[] | undefined
}

/** Longest duration that timers can measure with room to spare. */
const longestMs = 24 * 60 * 60 * 1000

const duration = z.string({ error: 'expected a duration such as 30s' }).superRefine((value, context) => {
  try {
    const ms = parseDurationMs(value)
    if (ms > 0 && ms <= longestMs) return
    context.addIssue({ code: 'custom', message: `'${value}' is not between 1ms and 24h` })
  } catch (error) {
    if (!isBackupError(error)) throw error
    context.addIssue({ code: 'custom', message: `${error.message} ${error.hint ?? ''}`.replace(/\.? *$/, '') })
  }
})

const path = z
  .string()
  .min(1, 'expected the path of a socket')
  .refine((text) => !text.includes('\0'), 'a path cannot hold a NUL character')

const template = path.superRefine((text, context) => {
  const unknown = [...text.matchAll(/\{[^}]*\}/g)].find(([found]) => found !== '{name}' && found !== '{id}')
  if (unknown !== undefined) {
    context.addIssue({ code: 'custom', message: `'${unknown[0]}' is unknown; there are {name} and {id}` })
  } else if (!/\{(name|id)\}/.test(text)) {
    context.addIssue({
      code: 'custom',
      message: 'every machine would have the same socket; put {name} or {id} into it, or use sockets',
    })
  }
})

const mountpoints = z
  .array(z.string().min(1, 'expected a mount point'))
  .min(1, 'expected at least one mount point')
  .refine((list) => new Set(list).size === list.length, 'a mount point is listed twice')

/** Checks the options of the guest agent hook; unknown ones are refused. */
export const guestAgentQuiesceOptions = z
  .strictObject({
    socket: template.optional().describe("Where each guest agent's socket is: '/run/vms/{name}.agent'."),
    sockets: z.record(z.string(), path).optional().describe('Sockets by the name or the id of their machine.'),
    maxFreeze: duration.optional().describe("Longest time that a guest may be frozen. Default: '30s'."),
    timeout: duration.optional().describe("Longest wait for an answer of an agent. Default: '10s'."),
    consistency: z
      .enum(['application', 'filesystem'])
      .optional()
      .describe("What a freeze reaches: 'application' only with freeze hooks in the guests. Default: 'filesystem'."),
    mountpoints: mountpoints
      .optional()
      .describe('File systems to freeze, as the guest mounts them. Default: all that can be frozen.'),
  })
  .refine(
    ({ socket, sockets }) => (socket === undefined) !== (sockets === undefined),
    'expected either socket or sockets',
  )
