import type { LibraryMedium } from '@holdfast/core'
import type { EngineEvent } from '@holdfast/core/engine'
import type { ExitCode } from '../exit-code.js'
import type { ErrorDocument } from './errors.js'

/** Everything that `--json` prints as a line: the engine's events, and the program's own. Fields are only ever added. */
export type CliEvent =
  | EngineEvent
  | LogEvent
  | TargetReadyEvent
  | CheckEvent
  | ExtentEvent
  | ConvertEvent
  | ExportReadyEvent
  | ClientConnectedEvent
  | FileCopiedEvent
  | MediumHandledEvent
  | MediumReadEvent
  | ResultEvent

/** A plugin has something to say. */
export interface LogEvent {
  readonly type: 'log'
  readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal'
  readonly message: string
  readonly fields?: Readonly<Record<string, string | number | boolean>>
}

/** `init` found or made the repository of a target. */
export interface TargetReadyEvent {
  readonly type: 'target-ready'
  readonly target: string
  readonly repository: string
  readonly encrypted: boolean
  readonly created: boolean
}

/** `conformance` finished a check. */
export interface CheckEvent {
  readonly type: 'check'
  readonly id: string
  readonly title: string
  readonly status: 'passed' | 'failed' | 'not-applicable'
  readonly reason?: string
  readonly durationMs: number
}

/** `image map` found an extent; `file` holds its bytes. */
export interface ExtentEvent {
  readonly type: 'extent'
  readonly offset: number
  readonly length: number
  readonly kind: 'data' | 'zero' | 'unallocated'
  readonly depth: number
  readonly file?: string
}

/** `convert` is this far through the disk. */
export interface ConvertEvent {
  readonly type: 'convert-progress'
  readonly positionBytes: number
  readonly totalBytes: number
}

/** `files get` copied a file. */
export interface FileCopiedEvent {
  readonly type: 'file-copied'
  readonly path: string
  readonly sizeBytes: number
}

/** `tape` did something with a medium, which is in `place` now; one without a name that can be read has none here. */
export interface MediumHandledEvent {
  readonly type: 'medium-handled'
  readonly action: 'labelled' | 'erased' | 'loaded' | 'unloaded' | 'moved' | 'vaulted' | 'recalled'
  readonly medium?: string
  readonly place?: string
}

/** `tape catalog --rebuild` read a medium. */
export interface MediumReadEvent {
  readonly type: 'medium-read'
  readonly medium: string
  readonly state: LibraryMedium['state']
  readonly pool?: string
  readonly set?: string
  readonly sequence?: number
  /** How many were read so far, of how many. */
  readonly read: number
  readonly total: number
}

/** `serve` shows a disk at this URI. */
export interface ExportReadyEvent {
  readonly type: 'export-ready'
  readonly disk: string
  readonly sizeBytes: number
  readonly readOnly: boolean
  readonly uri: string
}

/** A client of `serve` opened a disk; one on a unix socket has no address. */
export interface ClientConnectedEvent {
  readonly type: 'client-connected'
  readonly disk: string
  readonly address?: string
}

/** The last line, always: how the command ended, with its report or its error. */
export interface ResultEvent {
  readonly type: 'result'
  readonly command: string
  readonly status: 'done' | 'partial' | 'failed'
  readonly exitCode: ExitCode
  readonly error?: ErrorDocument
  readonly [detail: string]: unknown
}

/** Makes the last line. */
export function resultEvent(command: string, exitCode: ExitCode, detail: object): ResultEvent {
  const status = exitCode === 0 ? 'done' : exitCode === 3 ? 'partial' : 'failed'
  return { type: 'result', command, status, exitCode, ...detail }
}
