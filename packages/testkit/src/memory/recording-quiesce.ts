import {
  BackupError,
  type Consistency,
  defineQuiesce,
  type MachineRef,
  type QuiesceCapabilities,
  type QuiescePlugin,
} from '@holdfast/core'

/** Options of {@link recordingQuiesce}. */
export interface RecordingQuiesceOptions {
  /** @defaultValue `'recording'` */
  readonly id?: string
  /** What each freeze reaches. @defaultValue `'application'` */
  readonly consistency?: Consistency
  /** @defaultValue `60_000` */
  readonly maxFreezeMs?: number
  /** Where every call is written down; share one array to see the order of several hooks. */
  readonly journal?: QuiesceEvent[]
}

/** One call of a recording hook. */
export interface QuiesceEvent {
  readonly hook: string
  readonly operation: 'freeze' | 'thaw'
  readonly machine: string
}

/** A hook that freezes nothing and writes down what it was asked. */
export interface RecordingQuiesce extends QuiescePlugin<QuiesceCapabilities> {
  readonly journal: readonly QuiesceEvent[]
  readonly state: (machine: MachineRef) => 'frozen' | 'thawed'
  /** What freezes do from now on: succeed, fail half-way, or hang until aborted. */
  readonly behave: (as: 'normal' | 'failing' | 'stalling') => void
}

/** A hook in memory: the reference implementation, and the witness for tests of freeze and thaw order. */
export function recordingQuiesce(options: RecordingQuiesceOptions = {}): RecordingQuiesce {
  const { id = 'recording', consistency = 'application', maxFreezeMs = 60_000, journal = [] } = options
  const frozen = new Set<string>()
  let behaviour: 'normal' | 'failing' | 'stalling' = 'normal'
  const plugin = defineQuiesce<Partial<QuiesceCapabilities>>({
    id,
    capabilities: { consistency, maxFreezeMs, inspect: true },
    open: async ({ signal }) => {
      signal.throwIfAborted()
      return {
        freeze: async (machine, call) => {
          call.signal.throwIfAborted()
          journal.push({ hook: id, operation: 'freeze', machine: machine.id })
          frozen.add(machine.id)
          if (behaviour === 'stalling') await untilAborted(call.signal)
          if (behaviour === 'failing') {
            throw new BackupError('E_FREEZE', `${machine.name} was told to fail.`, {
              plugin: id,
              operation: 'quiesce.freeze',
            })
          }
          return { consistency, detail: `recorded ${machine.name}` }
        },
        thaw: async (machine, call) => {
          call.signal.throwIfAborted()
          journal.push({ hook: id, operation: 'thaw', machine: machine.id })
          frozen.delete(machine.id)
        },
        inspect: async (machine, call) => {
          call.signal.throwIfAborted()
          return frozen.has(machine.id) ? 'frozen' : 'thawed'
        },
        [Symbol.asyncDispose]: async () => undefined,
      }
    },
  })
  return Object.freeze({
    ...plugin,
    journal,
    state: (machine: MachineRef) => (frozen.has(machine.id) ? 'frozen' : 'thawed'),
    behave: (as: 'normal' | 'failing' | 'stalling') => {
      behaviour = as
    },
  })
}

function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    if (signal.aborted) reject(signal.reason)
  })
}
