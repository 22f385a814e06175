import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, type YAMLMap } from 'yaml'
import type { KeyPath } from './key-path.js'
import type { Place, Problem } from './problem.js'
import { yamlSyntax } from './yaml-syntax.js'

/** The values of a YAML or JSON text, and where each stands. */
export interface YamlTree {
  readonly value: unknown
  readonly problems: readonly Problem[]
  /** Place of a value, or of its key; for a value that is not there, of what it should be in. */
  readonly placeOf: (path: KeyPath, atKey: boolean) => Place
}

const mostSyntaxErrors = 5
const mostDepth = 64
/** Far above any real configuration and far below what an alias bomb unfolds to. */
const mostValues = 50_000

interface Marks {
  readonly key: number
  readonly value: number
}

/**
 * Parses YAML 1.2 into plain values.
 *
 * Guarantee: hostile text yields problems, in bounded time and memory. Aliases work within bounds; merge keys, tags,
 * duplicate keys and `__proto__` are problems. No message quotes the text, since secrets may stand in it.
 */
export function parseYamlTree(text: string): YamlTree {
  if (nestsDeeply(text)) {
    return { value: undefined, problems: [{ path: [], ...tooDeep }], placeOf: () => ({ line: 1, column: 1 }) }
  }
  const lines = new LineCounter()
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    logLevel: 'error',
    stringKeys: true,
    // The parser's own check takes quadratic time; the walk below has its own.
    uniqueKeys: false,
  })
  const place = (offset: number): Place => {
    const { line, col } = lines.linePos(offset)
    return { line: Math.max(line, 1), column: Math.max(col, 1) }
  }
  const marks = new Map<string, Marks>()
  const placeOf = (path: KeyPath, atKey: boolean): Place => {
    for (let length = path.length; length >= 0; length--) {
      const mark = marks.get(markName(path.slice(0, length)))
      if (mark !== undefined) return place(atKey || length < path.length ? mark.key : mark.value)
    }
    return { line: 1, column: 1 }
  }
  const refused = [...document.errors, ...document.warnings.filter(({ code }) => code !== 'TAG_RESOLVE_FAILED')]
  if (refused.length > 0) {
    const deep = refused.find(({ code }) => code === 'RESOURCE_EXHAUSTION')
    const described = (deep === undefined ? refused : [deep]).slice(0, mostSyntaxErrors).map(({ code, pos }) => {
      const [message, hint] = yamlSyntax[code] ?? ['this is not YAML.', 'Check quotes, brackets and indentation.']
      return { path: [], message, hint, place: place(pos[0]) }
    })
    // What follows on the same line mostly follows from the first slip.
    const problems = described.filter(({ place: { line } }, index) => described[index - 1]?.place.line !== line)
    return { value: undefined, problems, placeOf }
  }
  const { value, problems } = walkNodes(document.contents, marks, place)
  return { value, problems, placeOf }
}

const tooDeep = {
  message: 'the nesting is too deep.',
  hint: `Nest at most ${mostDepth} levels; check for brackets that are never closed.`,
}

/** Finds nesting that would take the parser many seconds to give up on; brackets within text may count too. */
function nestsDeeply(text: string): boolean {
  if (/(?:[-?:][ \t]+){200}/.test(text)) return true
  let depth = 0
  for (const [bracket] of text.matchAll(/[[\]{}]/g)) {
    depth = Math.max(0, depth + (bracket === '[' || bracket === '{' ? 1 : -1))
    if (depth > 1000) return true
  }
  return false
}

function walkNodes(
  contents: Node | null,
  marks: Map<string, Marks>,
  place: (offset: number) => Place,
): { readonly value: unknown; readonly problems: readonly Problem[] } {
  const problems: Problem[] = []
  const anchors = new Map<string, Node>()
  const open = new Set<Node>()
  let values = 0

  const refuse = (path: KeyPath, offset: number, message: string, hint: string): undefined => {
    problems.push({ path, message, hint, place: place(offset) })
    return undefined
  }

  const walk = (node: Node | null, path: KeyPath, keyOffset: number, aliasOffset?: number): unknown => {
    const offset = aliasOffset ?? node?.range?.[0] ?? keyOffset
    const name = markName(path)
    if (!marks.has(name)) marks.set(name, { key: keyOffset, value: offset })
    values++
    if (values === mostValues)
      refuse([], offset, 'there are too many values, or aliases that unfold to them.', 'Use fewer aliases.')
    if (values >= mostValues || node === null) return null
    if (path.length > mostDepth) return refuse([], offset, tooDeep.message, tooDeep.hint)
    if (isAlias(node)) return followAlias(node.source, path, keyOffset, offset)
    if (node.tag !== undefined) {
      refuse(
        path,
        offset,
        'tags are not used in a configuration.',
        "Remove the word that starts with '!', or put the text in quotes.",
      )
    }
    if ('anchor' in node && node.anchor !== undefined) anchors.set(node.anchor, node)
    if (isScalar(node)) return node.value
    open.add(node)
    let result: unknown
    if (isSeq<Node | null>(node)) {
      result = node.items.map((item, index) => walk(item, [...path, index], item?.range?.[0] ?? offset, aliasOffset))
    } else if (isMap<Node, Node | null>(node)) {
      result = walkMap(node, path, offset, aliasOffset)
    }
    open.delete(node)
    return result
  }

  const walkMap = (node: YAMLMap<Node, Node | null>, path: KeyPath, offset: number, aliasOffset?: number): unknown => {
    const result: Record<string, unknown> = {}
    const keys = new Map<string, number>()
    for (const { key, value } of node.items) {
      const keyOffset = key.range?.[0] ?? offset
      if (!isScalar(key)) {
        refuse(path, keyOffset, 'an alias cannot be a key.', 'Use plain text as the key.')
        continue
      }
      const name = String(key.value)
      const at = [...path, name]
      const first = keys.get(name)
      if (first !== undefined) {
        refuse(at, keyOffset, 'is given twice.', `Keep one of them; the first is in line ${place(first).line}.`)
      } else if (name === '<<') {
        refuse(
          at,
          keyOffset,
          'merge keys are not supported.',
          'Write the keys out, or use an alias for the whole value.',
        )
      } else if (name === '__proto__') {
        refuse(at, keyOffset, 'is not a key.', 'Remove it.')
      } else {
        result[name] = walk(value, at, aliasOffset ?? keyOffset, aliasOffset)
      }
      if (first === undefined) keys.set(name, keyOffset)
    }
    return result
  }

  const followAlias = (anchor: string, path: KeyPath, keyOffset: number, offset: number): unknown => {
    const target = anchors.get(anchor)
    if (target === undefined) {
      return refuse(
        path,
        offset,
        `no anchor '&${anchor}' stands before this alias.`,
        "Put text that starts with '*' in quotes.",
      )
    }
    if (open.has(target)) return refuse(path, offset, 'the alias holds itself.', 'Write the value out.')
    return walk(target, path, keyOffset, offset)
  }

  const value = walk(contents, [], contents?.range?.[0] ?? 0)
  return { value, problems }
}

function markName(path: KeyPath): string {
  return path.join('\0')
}
