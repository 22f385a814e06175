import tab from '@bomb.sh/tab/commander'
import type { Command } from 'commander'

/** Adds `completion <shell>`, which prints a script, and the hidden `complete`, which the script calls. */
export function addCompletion(program: Command): void {
  tab(program, { completionCommandName: 'completion' })
}
