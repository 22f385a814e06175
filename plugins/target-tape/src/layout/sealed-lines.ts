import { createHash } from 'node:crypto'

/**
 * Writes lines of `name: value`, and one with the digest of all of them after them.
 *
 * Values that are undefined are left out. Line feeds in values become spaces: a barcode is what a label printer made of it.
 */
export function sealLines(values: Readonly<Record<string, string | undefined>>): string {
  const text = Object.entries(values)
    .filter((entry): entry is [string, string] => entry[1] !== undefined)
    .map(([name, value]) => `${name}: ${value.replace(/[\r\n]+/g, ' ')}\n`)
    .join('')
  return `${text}digest: ${digestOf(text)}\n`
}

/**
 * Reads such lines up to the one with the digest. What follows it is for people.
 *
 * @returns `undefined` when there is no digest, or it is another
 */
export function unsealLines(text: string): ReadonlyMap<string, string> | undefined {
  const seal = /^((?:[^\n]*\n)*?)digest: ([0-9a-f]{64})\n/.exec(text)
  const [, sealed, digest] = seal ?? []
  if (sealed === undefined || digest !== digestOf(sealed)) return undefined
  const lines = sealed.split('\n').slice(0, -1)
  const values = lines.map((line) => /^([a-z-]+): (.*)$/.exec(line))
  return new Map(values.flatMap((found) => (found === null ? [] : [[found[1] ?? '', found[2] ?? '']])))
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
