import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** A process that tidies up if this one dies. */
export interface Janitor {
  /** Tells it that all is tidy, and lets it go. */
  readonly dismiss: () => void
  /** Has it tidy up now, for what this process cannot do itself. */
  readonly takeOver: () => void
}

/**
 * Starts a janitor before something is begun that must not outlive this process.
 *
 * `tidy`: what an owner puts into the QEMU of a monitor, and all files whose paths start as given. `kill`: a process, by its number.
 */
export function startJanitor(
  ...task:
    | readonly ['tidy', monitorPath: string, owner: string, ...starts: readonly string[]]
    | readonly ['kill', pid: string]
): Janitor {
  const program = fileURLToPath(new URL('./janitor.js', import.meta.url))
  // In a group of its own: what a terminal sends to ours must not end it.
  const child = spawn(process.execPath, [program, ...task], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    env: {},
  })
  child.on('error', () => undefined)
  child.stdin.on('error', () => undefined)
  child.unref()
  return {
    dismiss: () => {
      child.stdin.end('done')
    },
    takeOver: () => {
      child.stdin.end()
    },
  }
}
