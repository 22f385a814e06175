import { existsSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

/** What the guest printed. */
export interface SerialConsole {
  readonly text: () => string
  /**
   * Waits until what was printed, from the start, has a pattern, and resolves with the match.
   *
   * @throws Error with the end of the text, when the time is up or QEMU has ended without it
   */
  readonly waitFor: (pattern: RegExp, timeoutMs: number) => Promise<RegExpExecArray>
}

const pollMs = 20
const shownCharacters = 2000

/** Reads the console that QEMU writes to a file: so it never waits for a reader. */
export function serialConsole(file: string, hasEnded: () => boolean): SerialConsole {
  const text = () => (existsSync(file) ? readFileSync(file, 'latin1') : '')
  return {
    text,
    waitFor: async (pattern, timeoutMs) => {
      const endsAt = performance.now() + timeoutMs
      for (;;) {
        // Asked before the text is read: what was printed last is still found.
        const isLast = hasEnded() || performance.now() >= endsAt
        const match = pattern.exec(text())
        if (match !== null) return match
        if (isLast) {
          const why = hasEnded() ? 'QEMU has ended' : `${timeoutMs} ms have passed`
          throw new Error(`${why} and the console does not show ${pattern}:\n${text().slice(-shownCharacters)}`)
        }
        await delay(pollMs)
      }
    },
  }
}
