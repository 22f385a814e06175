/** Error values that may travel in replies. Spec: "Error values". */
export const errnoValues = {
  EPERM: 1,
  EIO: 5,
  ENOMEM: 12,
  EINVAL: 22,
  ENOSPC: 28,
  EOVERFLOW: 75,
  ENOTSUP: 95,
  ESHUTDOWN: 108,
} as const

/** Name of an error value. */
export type ErrnoName = keyof typeof errnoValues

const names = new Map<number, string>(Object.entries(errnoValues).map(([name, value]) => [value, name]))

/** Names an error value; one that is not listed counts as EINVAL, as the specification demands. */
export function errnoName(value: number): ErrnoName {
  const name = names.get(value)
  return name !== undefined && isErrnoName(name) ? name : 'EINVAL'
}

/** Tells whether a text names an error value that may travel. */
export function isErrnoName(text: unknown): text is ErrnoName {
  return typeof text === 'string' && Object.hasOwn(errnoValues, text)
}
