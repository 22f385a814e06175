/** Random numbers below `limit`, the same for the same seed (mulberry32). */
export function seededNumbers(seed: number): (limit: number) => number {
  let state = seed
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit
  }
}

const values = [
  '',
  '-1',
  '0',
  '99999999999999999999',
  '1e9',
  'NaN',
  '__proto__',
  'constructor',
  '../../x',
  '\u202e',
  '\0',
  '|',
  '|zz',
  '"',
  "'",
  '&amp;',
  '&#0;',
  '&x;',
  '<',
  '>',
  ']]>',
  '<!--',
  '<!DOCTYPE',
  'x'.repeat(5000),
  'TRUE',
  'uefi',
  '$'.concat('{a}'),
  'byte * 2^99',
]

type Mutation = (text: string, random: (limit: number) => number, other: string) => string

const replaceQuoted: Mutation = (text, random) =>
  replaceMatch(
    text,
    /"[^"\n]*"|'[^'\n]*'/g,
    random,
    (found) => `${found[0]}${values[random(values.length)]}${found[0]}`,
  )
const replaceText: Mutation = (text, random) =>
  replaceMatch(text, />[^<\n]+</g, random, () => `>${values[random(values.length)]}<`)
const replaceWord: Mutation = (text, random) =>
  replaceMatch(text, /[\w.:-]+/g, random, () => values[random(values.length)] ?? '')
const swapWords: Mutation = (text, random) => {
  const words = text.match(/[\w.:-]+/g) ?? ['x']
  return replaceMatch(text, /[\w.:-]+/g, random, () => words[random(words.length)] ?? '')
}
const dropLine: Mutation = (text, random) => lines(text, random, () => [])
const repeatLine: Mutation = (text, random) => lines(text, random, (line) => [line, line])
const foreignLine: Mutation = (text, random, other) => {
  const foreign = other.split('\n')
  return lines(text, random, (line) => [line, foreign[random(foreign.length)] ?? ''])
}
const cutOff: Mutation = (text, random) => text.slice(0, random(text.length + 1))
const flip: Mutation = (text, random) => {
  const at = random(text.length + 1)
  return text.slice(0, at) + String.fromCharCode(random(random(4) === 0 ? 65_536 : 128)) + text.slice(at + random(3))
}
const splice: Mutation = (text, random, other) => {
  const from = random(other.length + 1)
  const at = random(text.length + 1)
  return text.slice(0, at) + other.slice(from, from + random(400)) + text.slice(at + random(40))
}

const mutations = [
  replaceQuoted,
  replaceQuoted,
  replaceText,
  replaceText,
  replaceWord,
  swapWords,
  dropLine,
  repeatLine,
  foreignLine,
  cutOff,
  flip,
  splice,
]

/** Changes a text in one to four ways. */
export function mutated(text: string, random: (limit: number) => number, other: string): string {
  let changed = text
  for (let times = 1 + random(4); times > 0; times--)
    changed = mutations[random(mutations.length)]?.(changed, random, other) ?? changed
  return changed
}

function replaceMatch(
  text: string,
  pattern: RegExp,
  random: (limit: number) => number,
  replacement: (found: string) => string,
): string {
  const matches = [...text.matchAll(pattern)]
  const match = matches[random(matches.length || 1)]
  return match === undefined
    ? text
    : text.slice(0, match.index) + replacement(match[0]) + text.slice(match.index + match[0].length)
}

function lines(text: string, random: (limit: number) => number, change: (line: string) => readonly string[]): string {
  const all = text.split('\n')
  const at = random(all.length)
  return all.flatMap((line, index) => (index === at ? change(line) : [line])).join('\n')
}
