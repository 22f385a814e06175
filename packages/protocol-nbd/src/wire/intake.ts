import { maxWantBytes, type Parser, type Want } from './parser.js'

/** What becomes of a parser. Each is called at most once, but for the two of waiting. */
export interface IntakeEvents<Result> {
  readonly onResult: (result: Result) => void
  /** The parser threw, or failed by `fail`. */
  readonly onFailure: (error: unknown) => void
  /** The parser waits: no more bytes, please. */
  readonly onWait?: () => void
  /** The wait is over. */
  readonly onGo?: () => void
}

/** Feeds a parser. A socket that fills buffers uses `target` and `filled`, one that has chunks uses `push`; never both. */
export interface Intake {
  /** Returns where the next bytes are to be put; never empty. */
  readonly target: () => Uint8Array
  /** Takes note that the start of the last target was filled. */
  readonly filled: (countBytes: number) => void
  /** Takes a chunk; what comes during a wait is kept. */
  readonly push: (bytes: Uint8Array) => void
  /** Ends the parser with an error, which it may replace by a better one. */
  readonly fail: (error: unknown) => void
  /** Sends the rest of the buffer that is being filled nowhere; calls back once the buffer is not touched any more. */
  readonly divert: (onReturned: () => void) => void
  /** Bytes that came and were not asked for, once the parser is over. */
  readonly unreadBytes: () => number
}

const nothing = new Uint8Array(0)

/** Starts a parser and makes its intake. */
export function createIntake<Result>(parser: Parser<Result>, events: IntakeEvents<Result>): Intake {
  const staging = new Uint8Array(maxWantBytes)
  let start = 0
  let end = 0
  let want: number | Uint8Array = 0
  let filledBytes = 0
  let state: 'running' | 'hungry' | 'waiting' | 'over' = 'hungry'
  let readsAhead = false
  let isDiverted = false
  let onReturned: (() => void) | undefined
  let backlog: Uint8Array = nothing
  let restBytes = 0

  const isOver = () => state === 'over'

  function giveBack(): void {
    const returned = onReturned
    onReturned = undefined
    returned?.()
  }

  function finish(report: () => void): void {
    state = 'over'
    restBytes += backlog.length
    backlog = nothing
    giveBack()
    report()
  }

  function resume(step: () => IteratorResult<Want, Result>): void {
    state = 'running'
    let next: IteratorResult<Want, Result>
    try {
      next = step()
    } catch (error) {
      if (!isOver()) finish(() => events.onFailure(error))
      return
    }
    if (isOver()) return
    if (next.done === true) {
      const result = next.value
      finish(() => events.onResult(result))
      return
    }
    const { value } = next
    isDiverted = false
    filledBytes = 0
    state = 'hungry'
    if (value instanceof Promise) waitUntil(value)
    else want = value
  }

  function waitUntil(promise: Promise<void>): void {
    state = 'waiting'
    events.onWait?.()
    const goOn = (step: () => IteratorResult<Want, Result>) => {
      if (isOver()) return
      resume(step)
      run()
      const kept = backlog
      backlog = nothing
      if (kept.length > 0) push(kept)
      if (state === 'hungry') events.onGo?.()
    }
    promise.then(
      () => goOn(() => parser.next(nothing)),
      (error: unknown) => goOn(() => parser.throw(error)),
    )
  }

  /** Resumes the parser as often as the bytes at hand allow. */
  function run(): void {
    while (state === 'hungry') {
      if (typeof want === 'number') {
        if (end - start < want) return
        const bytes = staging.subarray(start, start + want)
        start += want
        resume(() => parser.next(bytes))
      } else {
        const moved = Math.min(end - start, want.length - filledBytes)
        if (moved > 0) {
          want.set(staging.subarray(start, start + moved), filledBytes)
          start += moved
          filledBytes += moved
        }
        if (filledBytes < want.length) return
        resume(() => parser.next(nothing))
      }
    }
  }

  /** Room for the bytes that are missing, or for as many as fit when the socket may read ahead. */
  function room(): Uint8Array {
    if (state !== 'hungry') return staging
    if (typeof want !== 'number') {
      const left = want.length - filledBytes
      if (isDiverted) return staging.subarray(0, Math.min(left, staging.length))
      return filledBytes === 0 ? want : want.subarray(filledBytes)
    }
    if (start === end) {
      start = 0
      end = 0
    } else if (start + want > staging.length) {
      staging.copyWithin(0, start, end)
      end -= start
      start = 0
    }
    return staging.subarray(end, readsAhead ? staging.length : start + want)
  }

  function note(countBytes: number): void {
    if (state !== 'hungry') return
    giveBack()
    if (typeof want === 'number') end += countBytes
    else filledBytes += countBytes
    run()
  }

  function push(bytes: Uint8Array): void {
    let at = 0
    while (at < bytes.length && state === 'hungry') {
      const place = room()
      const count = Math.min(place.length, bytes.length - at)
      place.set(bytes.subarray(at, at + count))
      at += count
      restBytes = bytes.length - at
      note(count)
    }
    if (state !== 'waiting' || at === bytes.length) return
    restBytes = 0
    const rest = bytes.subarray(at)
    if (backlog.length === 0) backlog = rest
    else {
      const both = new Uint8Array(backlog.length + rest.length)
      both.set(backlog)
      both.set(rest, backlog.length)
      backlog = both
    }
  }

  resume(() => parser.next(nothing))
  run()
  return {
    target: () => {
      readsAhead = true
      return room()
    },
    filled: note,
    push,
    fail: (error) => {
      if (isOver()) return
      if (state === 'running') return finish(() => events.onFailure(error))
      resume(() => parser.throw(error))
      // A parser that asks for more after the end of its bytes gets none.
      if (!isOver()) finish(() => events.onFailure(error))
    },
    divert: (returned) => {
      isDiverted = true
      if (readsAhead) onReturned = returned
      else returned()
    },
    unreadBytes: () => end - start + restBytes,
  }
}
