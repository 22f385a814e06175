import type { Command } from '../measure/measure.ts'

/** What a round left behind, besides its times. */
export interface Traces {
  /** Size of the repository, or space that a written image takes. */
  readonly storedBytes?: number
  /** What the round added to the repository. */
  readonly addedBytes?: number
  /** Space that a restored disk takes: less than its size if holes are holes again. */
  readonly restoredBytes?: number
  /** What went to or came from a tape: a rate is made from it. */
  readonly tapeBytes?: number
  /** Time of the tape alone, where the program tells it. @defaultValue the wall time */
  readonly tapeSeconds?: number
  /** Size of the machine that was on the tape. */
  readonly machineBytes?: number
}

/** One line of a job: something that is run and measured once a round. */
export interface Contestant {
  readonly label: string
  /** One line: what was told to the program. */
  readonly settings: string
  /** Runs once, before the first round; returns the files to keep in memory while the job runs. */
  setUp(): Promise<readonly string[]>
  /** Runs before each round and is not measured. */
  prepare(): Promise<Command>
  /**
   * Runs after each round and is not measured; `firstRound` is the one whose result is compared with the input. `output` is what the
   * command printed.
   */
  inspect(firstRound: boolean, output: string): Promise<Traces>
  tearDown(): Promise<void>
}
