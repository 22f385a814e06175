/** Makes a function that tells the line, from 1, of an index; indexes must not descend by much, or it starts over. */
export function lineFinder(text: string): (index: number) => number {
  let line = 1
  let at = 0
  return (index) => {
    if (index < at) {
      line = 1
      at = 0
    }
    for (let next = text.indexOf('\n', at); next >= 0 && next < index; next = text.indexOf('\n', at)) {
      line += 1
      at = next + 1
    }
    return line
  }
}
