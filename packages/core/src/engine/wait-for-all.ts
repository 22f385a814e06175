/**
 * Waits for every task, also after one failed, then throws the first failure.
 *
 * What the tasks work on may be released as soon as this settles; after `Promise.all` stragglers would still use it.
 */
export async function waitForAll(tasks: readonly Promise<unknown>[]): Promise<void> {
  let first: { readonly error: unknown } | undefined
  const outcomes = tasks.map((task) =>
    task.catch((error: unknown) => {
      first ??= { error }
    }),
  )
  await Promise.all(outcomes)
  if (first !== undefined) throw first.error
}
