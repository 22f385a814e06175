/** Longest line that is looked at; what follows on it is ignored. */
const longestLine = 1024

/** Splits output into lines as it comes, in bounded memory. */
export interface LineScanner {
  readonly add: (bytes: Buffer) => void
  /** Hands over the last line when it has no line end. */
  readonly end: () => void
}

/** Makes a scanner that hands each line to `onLine`, long ones cut. */
export function lineScanner(onLine: (line: string) => void): LineScanner {
  let line = ''
  const decoder = new TextDecoder()
  const take = (text: string) => {
    if (line.length < longestLine) line += text.slice(0, longestLine - line.length)
  }
  const add = (bytes: Buffer) => {
    const pieces = decoder.decode(bytes, { stream: true }).split('\n')
    for (const [index, piece] of pieces.entries()) {
      if (index > 0) {
        onLine(line)
        line = ''
      }
      take(piece)
    }
  }
  const end = () => {
    take(decoder.decode())
    if (line !== '') onLine(line)
    line = ''
  }
  return { add, end }
}
