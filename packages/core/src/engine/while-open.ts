/** What work on a resource came to. */
export interface Worked<T> {
  readonly result: T
  /** Why the resource could not be closed after the work was done. */
  readonly leftover: { readonly error: unknown } | undefined
}

/**
 * Works with a resource and closes it. A failure to close does not undo the work, and does not hide why the work failed.
 *
 * @throws what the work throws; the resource is then closed as well as it can be
 */
export async function whileOpen<R extends AsyncDisposable, T>(
  resource: R,
  work: (resource: R) => Promise<T>,
): Promise<Worked<T>> {
  let result: T
  try {
    result = await work(resource)
  } catch (error) {
    await failureOf(async () => resource[Symbol.asyncDispose]())
    throw error
  }
  return { result, leftover: await failureOf(async () => resource[Symbol.asyncDispose]()) }
}

/** Does something and gives its failure, if it has one. */
export async function failureOf(action: () => Promise<void>): Promise<{ readonly error: unknown } | undefined> {
  try {
    await action()
    return undefined
  } catch (error) {
    return { error }
  }
}
