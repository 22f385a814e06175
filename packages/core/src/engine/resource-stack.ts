/** Collects what must be closed, last first: the part of `AsyncDisposableStack` that Node 22 lacks. */
export interface ResourceStack extends AsyncDisposable {
  readonly use: <T extends AsyncDisposable>(resource: T) => T
}

/** Makes an empty stack. Every resource is closed even when closing another fails; the first failure is thrown. */
export function resourceStack(): ResourceStack {
  const resources: AsyncDisposable[] = []
  return {
    use: (resource) => {
      resources.push(resource)
      return resource
    },
    [Symbol.asyncDispose]: async () => {
      const failures: unknown[] = []
      for (const resource of resources.splice(0).reverse()) {
        try {
          await resource[Symbol.asyncDispose]()
        } catch (error) {
          failures.push(error)
        }
      }
      if (failures.length > 0) throw failures[0]
    },
  }
}
