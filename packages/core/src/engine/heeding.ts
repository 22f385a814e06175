/** Stops waiting at the deadline even for a call that does not heed it; what it yields later goes to `tooLate`. */
export async function heeding<T>(
  deadline: AbortSignal,
  call: PromiseLike<T>,
  tooLate?: (value: T) => PromiseLike<void>,
): Promise<T> {
  const { promise: expired, reject } = Promise.withResolvers<never>()
  const onAbort = () => reject(deadline.reason)
  deadline.addEventListener('abort', onAbort, { once: true })
  if (deadline.aborted) onAbort()
  const answer = Promise.resolve(call)
  try {
    return await Promise.race([answer, expired])
  } catch (error) {
    // Nobody is left to tell of how a call ends that went on after its deadline.
    if (deadline.aborted) void answer.then(async (value) => tooLate?.(value)).catch(() => undefined)
    throw error
  } finally {
    deadline.removeEventListener('abort', onAbort)
  }
}
