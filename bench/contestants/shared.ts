/** What all contestants of a job share: started when first asked for. */
export interface Shared<T extends AsyncDisposable> {
  get(): Promise<T>
  /** Ends it, once; it may be called by each of them. */
  release(): Promise<void>
}

/** Makes something to share. */
export function share<T extends AsyncDisposable>(start: () => Promise<T>): Shared<T> {
  let started: Promise<T> | undefined
  return {
    get() {
      started ??= start()
      return started
    },
    async release() {
      const shared = started
      started = undefined
      await (await shared)?.[Symbol.asyncDispose]()
    },
  }
}
