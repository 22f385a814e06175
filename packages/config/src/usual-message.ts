import { z } from 'zod'

const english = z.locales.en().localeError

/** Gives the words that zod itself has for an issue, so that words of an author can be told from them. */
export function usualMessage(issue: object, input: unknown): string | undefined {
  // The locale looks at the code and falls back to general words for what it does not know.
  const made = english({ ...issue, input } as Parameters<typeof english>[0])
  return typeof made === 'string' ? made : made?.message
}
