import type { BootProbe } from '@holdfast/core'

/** How long a machine may take until its probe is answered, unless something else is said. */
const usualTimeoutMs = 120_000

/** Understands `serial:<text>`, `agent` and `command:<command line>`; `undefined` for anything else. */
export function bootProbeOption(text: string, timeoutMs = usualTimeoutMs): BootProbe | undefined {
  if (text === 'agent') return { kind: 'agent', timeoutMs }
  const colon = text.indexOf(':')
  const [kind, rest] = [text.slice(0, colon), text.slice(colon + 1)]
  if (colon < 0 || rest === '') return undefined
  if (kind === 'serial') return { kind, pattern: rest, timeoutMs }
  return kind === 'command' ? { kind, command: rest, timeoutMs } : undefined
}
