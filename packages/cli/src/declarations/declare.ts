import type { Command } from 'commander'
import type { ChosenCommand } from '../command-line.js'

/** What a declared command calls when it is the one: whether `--json` prints events, and what it does. */
export type Choose = (streams: boolean, perform: ChosenCommand['perform']) => void

/** Adds a command to the program, or to a group of it. */
export type Declare = (name: string, description: string, parent?: Command) => readonly [Command, Choose]
