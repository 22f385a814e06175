import type { BootedMachine, BootProbe } from '../contract/boot.js'
import type { CallOptions } from '../contract/context.js'
import { BackupError } from '../contract/errors.js'
import type { ProvisionedMachine, SourcePlugin } from '../contract/source.js'
import { heeding } from './heeding.js'
import type { EngineHost } from './host.js'
import { openRestoringSource, type RestoringSource } from './restoring-source.js'

/** A source that can boot what it restores, with an open session of it. */
export type BootingSource = RestoringSource

/** A source that can boot, closed by disposal. */
export type OpenBootingSource = BootingSource & AsyncDisposable

/** A source may take this long to stop a machine, or to say that the probe did not come. */
const usualGraceMs = 30_000

/** Opens a source to boot machines on. @throws BackupError `E_UNSUPPORTED` when it cannot, and what opening throws */
export async function openBootingSource(
  plugin: SourcePlugin,
  host: EngineHost,
  options: CallOptions,
): Promise<OpenBootingSource> {
  if (!plugin.capabilities.boot) throw cannotBoot(plugin.id)
  return openRestoringSource(plugin, host, options)
}

/** Makes the error for a source that boots nothing. */
export function cannotBoot(plugin: string): BackupError {
  return new BackupError('E_UNSUPPORTED', `Source '${plugin}' cannot boot machines.`, {
    plugin,
    hint: "Boot them on a source that can: 'holdfast plugins' shows which have the capability boot.",
  })
}

/**
 * Starts a provisioned machine and waits for its probe; a source that never answers is given up.
 *
 * Disposing what it returns is given up in the same way.
 * @throws BackupError `E_BOOT`, `E_TIMEOUT`, and what the source throws
 */
export async function startMachine(
  plugin: string,
  placed: ProvisionedMachine,
  probe: BootProbe,
  { signal }: CallOptions,
  graceMs = usualGraceMs,
): Promise<BootedMachine> {
  if (placed.boot === undefined) {
    throw new BackupError('E_PLUGIN_INVALID', `Source '${plugin}' declares boot, but its machine lacks it.`, {
      plugin,
      hint: 'This is a defect of the plugin; tell its author.',
    })
  }
  const late = AbortSignal.timeout(probe.timeoutMs + graceMs)
  const deadline = AbortSignal.any([signal, late])
  using patience = abortedAfter(deadline, graceMs)
  try {
    const booted = await heeding(patience.signal, placed.boot(probe, { signal: deadline }), (tooLate) =>
      tooLate[Symbol.asyncDispose](),
    )
    return { bootMs: booted.bootMs, evidence: booted.evidence, ...disposedInTime(plugin, booted, graceMs) }
  } catch (error) {
    signal.throwIfAborted()
    throw late.aborted ? noAnswer(plugin, 'whether the machine is up', probe.timeoutMs + graceMs, error) : error
  }
}

/** Aborts some time after another signal did: what heeds that one stops its machine meanwhile. */
function abortedAfter(first: AbortSignal, ms: number): Disposable & { readonly signal: AbortSignal } {
  const second = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const onAbort = () => {
    timer = setTimeout(() => second.abort(first.reason), ms)
  }
  if (first.aborted) onAbort()
  first.addEventListener('abort', onAbort, { once: true })
  return {
    signal: second.signal,
    [Symbol.dispose]: () => {
      clearTimeout(timer)
      first.removeEventListener('abort', onAbort)
    },
  }
}

/** Disposes a machine with a time limit. */
export function disposedInTime(plugin: string, machine: AsyncDisposable, graceMs = usualGraceMs): AsyncDisposable {
  return {
    [Symbol.asyncDispose]: async () => {
      const late = AbortSignal.timeout(graceMs)
      try {
        await heeding(late, machine[Symbol.asyncDispose]())
      } catch (error) {
        throw late.aborted ? noAnswer(plugin, 'that the machine is gone', graceMs, error) : error
      }
    },
  }
}

function noAnswer(plugin: string, what: string, limitMs: number, cause: unknown): BackupError {
  return new BackupError('E_TIMEOUT', `Source '${plugin}' did not say within ${limitMs / 1000} s ${what}.`, {
    plugin,
    operation: 'source.boot',
    hint: 'Look whether the hypervisor responds, and whether the machine is still there.',
    cause,
  })
}
