import type { FakeAnswer, FakeAnswers } from '@holdfast/protocol-qmp/testing'

/** What a guest does when it is told; `go` freezes or thaws it and returns the answer of an agent that is well. */
export interface GuestScript {
  readonly freeze?: (go: () => number) => FakeAnswer
  readonly thaw?: (go: () => number) => FakeAnswer
}

/** A guest whose state is what it did, whatever it answers. */
export function scriptedGuest({ freeze = (go) => go(), thaw = (go) => go() }: GuestScript): {
  readonly answers: FakeAnswers
  readonly state: () => 'frozen' | 'thawed'
} {
  let state: 'frozen' | 'thawed' = 'thawed'
  const change = (next: typeof state) => () => {
    const count = state === next ? 0 : 2
    state = next
    return count
  }
  return {
    state: () => state,
    answers: {
      'guest-fsfreeze-status': () => state,
      'guest-fsfreeze-freeze': () => freeze(change('frozen')),
      'guest-fsfreeze-thaw': () => thaw(change('thawed')),
    },
  }
}
