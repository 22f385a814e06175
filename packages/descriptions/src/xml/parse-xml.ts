import { XMLParser, XMLValidator } from 'fast-xml-parser'
import { type DescriptionFormat, invalidDescription } from '../errors.js'
import { limits } from '../limits.js'
import { printable } from '../printable.js'
import { decodeReferences, hasForbiddenCharacter } from './decode-references.js'
import type { XmlAttribute, XmlElement, XmlNode } from './element.js'
import { lineFinder } from './line-finder.js'

const attributePrefix = '@'
const textKey = '#text'
const commentKey = '#comment'
const cdataKey = '#cdata'
// Its declaration says `Symbol`, the object, where it is a symbol.
const sourcePlace = XMLParser.getMetaDataSymbol() as symbol
const hint = 'Correct the XML: xmllint names the place as well.'

// References stay as they are: this package decodes them itself, and knows no others than XML's own.
const parser = new XMLParser({
  preserveOrder: true,
  ignoreAttributes: false,
  attributeNamePrefix: attributePrefix,
  trimValues: false,
  parseTagValue: false,
  parseAttributeValue: false,
  processEntities: false,
  commentPropName: commentKey,
  cdataPropName: cdataKey,
  captureMetaData: true,
  maxNestedTags: limits.depth,
  jPath: false,
  ignoreDeclaration: true,
  ignorePiTags: true,
  // The tree below reads own keys only, so a name like `toString` may stay what it is.
  onDangerousProperty: (name: string) => name,
})

/** One node as the parser gives it: one key with the content, `:@` with the attributes, a symbol with the place. */
type ParsedNode = Readonly<Record<PropertyKey, unknown>>

/**
 * Parses a document into a tree: no DTD, no entities but XML's own, bounded in size and depth.
 *
 * @throws BackupError `E_SOURCE_INVALID`, naming line and element
 */
export function parseXml(text: string, format: DescriptionFormat): XmlElement {
  refuseDangers(text, format)
  const verdict = XMLValidator.validate(text)
  if (verdict !== true) throw invalidDescription(format, printable(verdict.err.msg), { line: verdict.err.line }, hint)
  const lineAt = lineFinder(text)
  const roots = parsed(text, format)
  const [root] = roots
  if (root === undefined || roots.length > 1) {
    throw invalidDescription(format, 'it has no single root element', { line: 1 }, hint)
  }
  const { startIndex, endIndex } = placeOf(root)
  if (!isEmptyMarkup(text.slice(0, startIndex)) || !isEmptyMarkup(text.slice(endIndex))) {
    throw invalidDescription(format, 'there is text outside the root element', {}, hint)
  }
  return elementOf(root, nameOf(root), { format, lineAt })
}

// What the parser would take without a word, refused beforehand by scans that are linear in the text.
function refuseDangers(text: string, format: DescriptionFormat): void {
  const lineAt = lineFinder(text)
  for (const match of text.matchAll(/<!--[\s\S]*?-->|<!\[CDATA\[[\s\S]*?\]\]>|<!/g)) {
    if (match[0] !== '<!') continue
    const problem = 'it has a document type declaration or other markup that descriptions do not need'
    throw invalidDescription(
      format,
      problem,
      { line: lineAt(match.index) },
      'Remove the DOCTYPE: entities are not expanded.',
    )
  }
  if (hasForbiddenCharacter(text)) throw invalidDescription(format, 'it holds characters that XML forbids', {}, hint)
  let parts = 0
  for (let at = text.indexOf('<'); at >= 0; at = text.indexOf('<', at + 1)) parts += 1
  for (let at = text.indexOf('='); at >= 0; at = text.indexOf('=', at + 1)) parts += 1
  if (parts <= limits.parts) return
  throw invalidDescription(
    format,
    `it has more than ${limits.parts} elements and attributes`,
    {},
    'Give a description of a machine.',
  )
}

function parsed(text: string, format: DescriptionFormat): readonly ParsedNode[] {
  try {
    const nodes: readonly ParsedNode[] = parser.parse(text)
    return nodes.filter((node) => !isMarkup(nameOf(node)))
  } catch (cause) {
    throw invalidDescription(
      format,
      printable(cause instanceof Error ? cause.message : 'it cannot be parsed'),
      {},
      hint,
      cause,
    )
  }
}

interface Reading {
  readonly format: DescriptionFormat
  readonly lineAt: (index: number) => number
}

// Recursion is as deep as the parser allows elements to nest.
function elementOf(node: ParsedNode, name: string, reading: Reading): XmlElement {
  const { startIndex } = placeOf(node)
  const line = startIndex === undefined ? undefined : reading.lineAt(startIndex)
  const decode = (raw: unknown): string => {
    const text = decodeReferences(String(raw))
    if (text !== undefined) return text
    const problem = "a reference is not one of XML's own"
    const place = { ...(line !== undefined && { line }), element: name }
    throw invalidDescription(reading.format, problem, place, 'Write the text itself; entities are not expanded.')
  }
  return {
    kind: 'element',
    name,
    attributes: attributesOf(node, decode),
    children: childrenOf(node[name]).map((child) => nodeOf(child, decode, reading)),
    ...(line !== undefined && { line }),
  }
}

function nodeOf(node: ParsedNode, decode: (raw: unknown) => string, reading: Reading): XmlNode {
  const name = nameOf(node)
  if (name === textKey) return { kind: 'text', text: decode(node[name]) }
  if (name === cdataKey) return { kind: 'text', text: rawText(node[name]) }
  if (name === commentKey) return { kind: 'comment', text: rawText(node[name]) }
  return elementOf(node, name, reading)
}

function attributesOf(node: ParsedNode, decode: (raw: unknown) => string): readonly XmlAttribute[] {
  return Object.entries(node[':@'] ?? {}).map(([key, raw]) => ({
    name: key.slice(attributePrefix.length),
    // XML 1.0, 3.3.3: white space in a value is a space unless it is a reference.
    value: decode(String(raw).replace(/[\t\n\r]/g, ' ')),
  }))
}

function placeOf(node: ParsedNode): { readonly startIndex?: number; readonly endIndex?: number } {
  return node[sourcePlace] ?? {}
}

function nameOf(node: ParsedNode): string {
  return Object.keys(node).find((key) => key !== ':@') ?? textKey
}

function childrenOf(content: unknown): readonly ParsedNode[] {
  return Array.isArray(content) ? content : []
}

function rawText(content: unknown): string {
  return childrenOf(content)
    .map((child) => String(child[textKey] ?? ''))
    .join('')
}

function isMarkup(name: string): boolean {
  return name === textKey || name === commentKey || name === cdataKey
}

function isEmptyMarkup(text: string): boolean {
  return text.replace(/<!--[\s\S]*?-->|<\?[\s\S]*?\?>/g, '').trim() === ''
}
