/** Output that an error carries, in bytes. */
const keptBytes = 8 * 1024

/** The end of what a program printed, in bounded memory. */
export interface OutputTail {
  readonly add: (bytes: Buffer) => void
  /** The last 8 KiB as text, without control characters and secrets. */
  readonly text: () => string
  /** The last line that is not empty; `''` when there is none. */
  readonly lastLine: () => string
}

/** Makes a tail that hides the given secrets. */
export function outputTail(secrets: readonly string[]): OutputTail {
  let parts: Buffer[] = []
  let size = 0
  const add = (bytes: Buffer) => {
    parts.push(bytes)
    size += bytes.length
    if (size < 4 * keptBytes) return
    // Twice of what is shown, so that a secret cut in two is not within it.
    const end = Buffer.concat(parts).subarray(-2 * keptBytes)
    parts = [Buffer.from(end)]
    size = end.length
  }
  const text = () => printable(Buffer.concat(parts).toString('utf8'), secrets).slice(-keptBytes).trim()
  return { add, text, lastLine: () => text().split('\n').at(-1)?.trim().slice(0, 300) ?? '' }
}

/** Makes output fit for a message: no secrets, no escape sequences, no control characters but line ends and tabs. */
export function printable(output: string, secrets: readonly string[]): string {
  let text = output
  for (const secret of secrets) if (secret !== '') text = text.replaceAll(secret, '[secret]')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is removed
  return text.replace(/\x1b\[[0-9;?]*[A-Za-z]|\r|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/g, '')
}
