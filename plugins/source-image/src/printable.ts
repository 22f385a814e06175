/** Makes text of a file or an image fit for a message: it must neither flood nor steer a terminal. */
export function printable(text: string, longest = 300): string {
  const clean = text.replace(/\p{Cc}/gu, '?')
  return clean.length <= longest ? clean : `${clean.slice(0, longest)}…`
}
